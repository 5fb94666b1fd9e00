# The sign of LSA codes of unit length after iterative quantisation (Gong & Lazebnik 2011).
use rule train as train_lsa_hashing_itq with:
    pathvars:
        variant="lsa-hashing-itq",
    params:
        estimator="RotationHashing",
        role="baseline",
        documents=dict(code_sizes=[20, 128], weighting="tfidf"),
