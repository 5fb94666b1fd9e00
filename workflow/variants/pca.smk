# Principal component analysis, exact; documents as log(1+count).
use rule train as train_pca with:
    pathvars:
        variant="pca",
    params:
        estimator="PCA",
        role="baseline",
        images=dict(svd_solver="covariance_eigh"),
        documents=dict(svd_solver="arpack", weighting="log"),
