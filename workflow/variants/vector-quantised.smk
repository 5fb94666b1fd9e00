# Pairs of code units become entries of codebooks: 15 bytes for 30 (van den Oord et al. 2017).
use rule train as train_vector_quantised with:
    pathvars:
        variant="vector-quantised",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000, 500, 250],
            code="quantised",
            penalties={"quantisation": 1.0},
            loss="cross_entropy",
            batch_size=125,
        ),
