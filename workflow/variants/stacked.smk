# Greedy layer-wise pretraining as autoencoders, then all layers together (Bengio et al. 2007).
use rule train as train_stacked with:
    pathvars:
        variant="stacked",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000, 500, 250],
            loss="cross_entropy",
            pretraining="autoencoder",
            pretraining_batch_size=250,
            batch_size=125,
            weight_decay=0.1,
        ),
