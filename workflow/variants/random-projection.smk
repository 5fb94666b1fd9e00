# Control: Gaussian random directions, decoded by least squares.
use rule train as train_random_projection with:
    pathvars:
        variant="random-projection",
    params:
        estimator="RandomProjection",
        role="control",
        images=dict(),
        documents=dict(weighting="log"),
