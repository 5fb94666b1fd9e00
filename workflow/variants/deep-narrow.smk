# The deep autoencoder with a quarter of the hidden units.
use rule train as train_deep_narrow with:
    pathvars:
        variant="deep-narrow",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[250, 125, 60],
            loss="cross_entropy",
            batch_size=125,
            weight_decay=0.1,
        ),
