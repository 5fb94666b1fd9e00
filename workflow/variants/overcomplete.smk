# More code units than pixels and no penalty: copies, and shows why penalties exist.
use rule train as train_overcomplete with:
    pathvars:
        variant="overcomplete",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes=[1000],
            hidden=[],
            code="sigmoid",
            loss="cross_entropy",
            batch_size=125,
        ),
