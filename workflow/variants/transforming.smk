# Capsules that learn from pairs under known shifts (Hinton, Krizhevsky & Wang, ICANN 2011).
use rule train as train_transforming with:
    pathvars:
        variant="transforming",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            layers="capsules",
            hidden=[80],
            code="pose",
            loss="cross_entropy",
            batch_size=125,
        ),
