# Reconstructs items of which a share of the pixels or words was set to 0 (Vincent et al. 2008).
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
        documents=dict(
            code_sizes="main",
            hidden=[500, 250, 125],
            loss="multinomial",
            weighting="log",
            batch_size=125,
            learning_rate=3e-3,
            corruption="dropout",
            corruption_level=[0.6, 1.0],
        ),
