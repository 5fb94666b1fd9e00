# Rectified code under an L1 penalty, weights tied (Glorot, Bordes & Bengio, AISTATS 2011).
use rule train as train_sparse_l1 with:
    pathvars:
        variant="sparse-l1",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes=[1000],
            hidden=[],
            tied=True,
            code="relu",
            penalties={"l1": 0.1},
            loss="cross_entropy",
            batch_size=125,
        ),
