# The contractive autoencoder without its penalty: copies, which is why penalties exist.
use rule train as train_overcomplete with:
    pathvars:
        variant="overcomplete",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes=[1000],
            hidden=[],
            tied=True,
            code="sigmoid",
            loss="cross_entropy",
            batch_size=125,
            learning_rate=1e-2,
        ),
