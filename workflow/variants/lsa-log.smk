# Latent semantic analysis: truncated SVD of log(1+count).
use rule train as train_lsa_log with:
    pathvars:
        variant="lsa-log",
    params:
        estimator="TruncatedSVD",
        role="baseline",
        documents=dict(algorithm="arpack", weighting="log"),
