# Logistic PCA whose codes a linear encoder gives (after Collins, Dasgupta & Schapire 2001).
use rule train as train_logistic_pca with:
    pathvars:
        variant="logistic-pca",
    params:
        estimator="AutoEncoder",
        role="baseline",
        images=dict(
            code_sizes="main",
            hidden=[],
            loss="cross_entropy",
            batch_size=125,
            learning_rate=3e-2,
        ),
