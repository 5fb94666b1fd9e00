# Non-negative matrix factorisation.
use rule train as train_nmf with:
    pathvars:
        variant="nmf",
    params:
        estimator="NMF",
        role="baseline",
        images=dict(init="nndsvd", max_iter=100, tol=1e-5),
        documents=dict(init="nndsvd", max_iter=100, tol=1e-5, weighting="tfidf"),
