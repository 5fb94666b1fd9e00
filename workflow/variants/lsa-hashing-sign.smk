# One bit for each dimension of LSA: the sign of the centred code.
use rule train as train_lsa_hashing_sign with:
    pathvars:
        variant="lsa-hashing-sign",
    params:
        estimator="SignHashing",
        role="baseline",
        documents=dict(code_sizes=[20, 128], weighting="tfidf"),
