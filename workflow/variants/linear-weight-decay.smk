# Linear, with L2: the decoder's left singular vectors are the principal axes (Kunin et al. 2019).
use rule train as train_linear_weight_decay with:
    pathvars:
        variant="linear-weight-decay",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[],
            penalties={"l2": 0.1},
            batch_size=125,
            learning_rate=1e-2,
        ),
