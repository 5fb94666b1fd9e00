# Saturated-linear code pushed to its flat ends (Goroshin & LeCun, ICLR 2013).
use rule train as train_saturating with:
    pathvars:
        variant="saturating",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes=[1000],
            hidden=[],
            tied=True,
            code="saturated-linear",
            penalties={"saturation": 1.0},
            loss="cross_entropy",
            batch_size=125,
        ),
