# The deep autoencoder whose encoder also learns to invert the decoder between the images.
use rule train as train_deep_cycle with:
    pathvars:
        variant="deep-cycle",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000, 500, 250],
            loss="cross_entropy",
            batch_size=125,
            learning_rate=3e-3,
            weight_decay=0.1,
            penalties={"cycle": 1.0},
        ),
