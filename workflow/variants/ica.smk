# Independent component analysis: whitened PCA codes, turned so that they are least Gaussian.
# Its reconstruction is PCA's, for both span one subspace; what differs is the axes. Distances of
# whitened codes do not depend on axes either, so random starts would change no measurement.
use rule train as train_ica with:
    pathvars:
        variant="ica",
    params:
        estimator="FastICA",
        role="baseline",
        images=dict(code_sizes="main"),
