# Penalty on the encoder's Jacobian, weights tied (Rifai et al., ICML 2011).
use rule train as train_contractive with:
    pathvars:
        variant="contractive",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes=[1000],
            hidden=[],
            tied=True,
            code="sigmoid",
            penalties={"contractive": 0.3},
            loss="cross_entropy",
            batch_size=125,
            learning_rate=1e-2,
        ),
