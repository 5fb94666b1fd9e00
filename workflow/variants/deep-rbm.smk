# RBM pretraining as in 2006, then fine-tuned by Adam instead of conjugate gradients.
use rule train as train_deep_rbm with:
    pathvars:
        variant="deep-rbm",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000, 500, 250],
            activation="sigmoid",
            loss="cross_entropy",
            pretraining="rbm",
            batch_size=100,
            learning_rate=4e-3,
        ),
        documents=dict(
            code_sizes="main",
            hidden=[500, 250, 125],
            activation="sigmoid",
            loss="multinomial",
            weighting="log",
            pretraining="rbm",
            pretraining_input_learning_rate=5e-2,
            batch_size=125,
            learning_rate=3e-3,
        ),
