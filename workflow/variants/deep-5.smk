# The deep autoencoder with five hidden layers each way.
use rule train as train_deep_5 with:
    pathvars:
        variant="deep-5",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000, 750, 500, 250, 125],
            loss="cross_entropy",
            batch_size=125,
            weight_decay=0.1,
        ),
