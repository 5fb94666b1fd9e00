# Bits from random hyperplanes through LSA codes (Charikar 2002).
use rule train as train_lsa_hashing_hyperplanes with:
    pathvars:
        variant="lsa-hashing-hyperplanes",
    params:
        estimator="HyperplaneHashing",
        role="baseline",
        documents=dict(code_sizes=[20, 128], weighting="tfidf"),
