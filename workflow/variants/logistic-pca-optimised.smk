# Logistic PCA whose codes are optimised under the decoder (Collins, Dasgupta & Schapire 2001).
use rule train as train_logistic_pca_optimised with:
    pathvars:
        variant="logistic-pca-optimised",
    params:
        estimator="AutoEncoder",
        role="baseline",
        images=dict(
            code_sizes="main",
            hidden=[],
            loss="cross_entropy",
            inference="optimised",
            batch_size=125,
            learning_rate=3e-2,
        ),
