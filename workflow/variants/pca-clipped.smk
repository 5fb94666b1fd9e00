# Exact PCA whose reconstructions are clipped to the range of pixels.
use rule train as train_pca_clipped with:
    pathvars:
        variant="pca-clipped",
    params:
        estimator="PCA",
        role="baseline",
        images=dict(svd_solver="covariance_eigh", clip=[0, 1]),
