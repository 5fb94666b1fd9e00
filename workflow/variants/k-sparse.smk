# Linear code of which the 25 largest units stay, weights tied (Makhzani & Frey 2013).
use rule train as train_k_sparse with:
    pathvars:
        variant="k-sparse",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes=[1000],
            hidden=[],
            tied=True,
            code="k-sparse",
            sparsity=0.025,
            loss="cross_entropy",
            batch_size=125,
        ),
