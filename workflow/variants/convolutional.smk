# Strided convolutions and their transposes (after Masci et al., ICANN 2011).
use rule train as train_convolutional with:
    pathvars:
        variant="convolutional",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            layers="convolutional",
            hidden=[32, 64],
            loss="cross_entropy",
            batch_size=125,
        ),
