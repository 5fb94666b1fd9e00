# The deep autoencoder with half as many hidden units more.
use rule train as train_deep_wide with:
    pathvars:
        variant="deep-wide",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1500, 750, 375],
            loss="cross_entropy",
            batch_size=125,
            weight_decay=0.1,
        ),
