# Latent semantic analysis: truncated SVD of tf-idf.
use rule train as train_lsa_tfidf with:
    pathvars:
        variant="lsa-tfidf",
    params:
        estimator="TruncatedSVD",
        role="baseline",
        documents=dict(algorithm="arpack", weighting="tfidf"),
