# The deep autoencoder with twice the hidden units.
use rule train as train_deep_wide with:
    pathvars:
        variant="deep-wide",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[2000, 1000, 500],
            loss="cross_entropy",
            batch_size=125,
            weight_decay=0.1,
        ),
