# Linear encoder and decoder: spans the PCA subspace (Bourlard & Kamp, Biol. Cybern. 59:291, 1988).
use rule train as train_linear with:
    pathvars:
        variant="linear",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[],
            batch_size=125,
            learning_rate=1e-2,
        ),
