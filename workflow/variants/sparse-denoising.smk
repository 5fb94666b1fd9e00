# Parts compose: the sparse code of sparse-kl, from masked images.
use rule train as train_sparse_denoising with:
    pathvars:
        variant="sparse-denoising",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes=[1000],
            hidden=[],
            code="sigmoid",
            penalties={"kl": 1.0},
            corruption="masking",
            loss="cross_entropy",
            batch_size=125,
        ),
