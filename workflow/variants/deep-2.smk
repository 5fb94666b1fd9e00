# The deep autoencoder with two hidden layers each way.
use rule train as train_deep_2 with:
    pathvars:
        variant="deep-2",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000, 500],
            loss="cross_entropy",
            batch_size=125,
            weight_decay=0.1,
        ),
