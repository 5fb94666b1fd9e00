# Reconstructs images from themselves plus Gaussian noise (Vincent et al., JMLR 11:3371, 2010).
use rule train as train_denoising_gaussian with:
    pathvars:
        variant="denoising-gaussian",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000, 500, 250],
            corruption="gaussian",
            corruption_level=0.15,
            loss="cross_entropy",
            batch_size=125,
        ),
