# Reconstructs images of which a share of the pixels was set to 0 (Vincent et al. 2008).
use rule train as train_denoising_masking with:
    pathvars:
        variant="denoising-masking",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000, 500, 250],
            corruption="masking",
            corruption_level=0.1,
            loss="cross_entropy",
            batch_size=125,
        ),
