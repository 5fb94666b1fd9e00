# Logistic code whose units are to be active at a low mean rate (Ng, CS294A lecture notes, 2011).
use rule train as train_sparse_kl with:
    pathvars:
        variant="sparse-kl",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes=[1000],
            hidden=[],
            tied=True,
            code="sigmoid",
            sparsity=0.1,
            penalties={"kl": 1.0},
            loss="cross_entropy",
            batch_size=125,
            learning_rate=1e-2,
        ),
