# The classic: one hidden layer of logistic units, the code (Rumelhart, Hinton & Williams 1986).
use rule train as train_shallow with:
    pathvars:
        variant="shallow",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[],
            code="sigmoid",
            loss="cross_entropy",
            batch_size=125,
            learning_rate=3e-2,
        ),
