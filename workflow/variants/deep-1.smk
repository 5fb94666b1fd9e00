# The deep autoencoder with one hidden layer each way.
use rule train as train_deep_1 with:
    pathvars:
        variant="deep-1",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000],
            loss="cross_entropy",
            batch_size=125,
            weight_decay=0.1,
        ),
