# Parts compose: the rectified code of sparse-l1, from images of which a quarter was masked.
use rule train as train_sparse_denoising with:
    pathvars:
        variant="sparse-denoising",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes=[1000],
            hidden=[],
            tied=True,
            code="relu",
            penalties={"l1": 0.1},
            corruption="masking",
            loss="cross_entropy",
            batch_size=125,
        ),
