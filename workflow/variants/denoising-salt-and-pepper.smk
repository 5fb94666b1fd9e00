# Reconstructs images of which a share of the pixels was set to 0 or 1 (Vincent et al. 2010).
use rule train as train_denoising_salt_and_pepper with:
    pathvars:
        variant="denoising-salt-and-pepper",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000, 500, 250],
            corruption="salt-and-pepper",
            corruption_level=0.1,
            loss="cross_entropy",
            batch_size=125,
        ),
