# Hinton & Salakhutdinov, Science 313:504 (2006): RBM pretraining, conjugate gradients.
use rule train as train_hinton_2006 with:
    pathvars:
        variant="hinton-2006",
    params:
        estimator="AutoEncoder",
        images=dict(
            hidden=[1000, 500, 250],
            activation="sigmoid",
            loss="cross_entropy",
            pretraining="rbm",
            optimizer="conjugate_gradients",
            batch_size=1000,
        ),
        documents=dict(
            code_sizes=[10, 2],
            hidden=[500, 250, 125],
            activation="sigmoid",
            loss="multinomial",
            weighting="counts",
            pretraining="rbm",
            pretraining_input_learning_rate=1e-2,
            optimizer="conjugate_gradients",
            batch_size=1000,
        ),
