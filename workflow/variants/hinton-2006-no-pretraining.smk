# The network of 2006 from 0.1 times normal weights: what pretraining was for.
use rule train as train_hinton_2006_no_pretraining with:
    pathvars:
        variant="hinton-2006-no-pretraining",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000, 500, 250],
            activation="sigmoid",
            loss="cross_entropy",
            initialisation="normal",
            optimizer="conjugate_gradients",
            batch_size=1000,
        ),
