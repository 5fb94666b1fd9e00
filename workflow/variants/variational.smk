# Variational autoencoder: maximises the evidence lower bound (Kingma & Welling 2013).
use rule train as train_variational with:
    pathvars:
        variant="variational",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000, 500, 250],
            code="gaussian",
            penalties={"prior": 1.0},
            loss="cross_entropy",
            batch_size=125,
        ),
