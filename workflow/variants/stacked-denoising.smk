# Greedy layer-wise pretraining as denoising autoencoders (Vincent et al., JMLR 11:3371, 2010).
use rule train as train_stacked_denoising with:
    pathvars:
        variant="stacked-denoising",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000, 500, 250],
            loss="cross_entropy",
            pretraining="denoising",
            pretraining_batch_size=250,
            batch_size=125,
            weight_decay=0.1,
        ),
