# The deep autoencoder as one would train it today: SiLU, scaled initialisation, AdamW, cosine decay.
use rule train as train_deep with:
    pathvars:
        variant="deep",
    params:
        estimator="AutoEncoder",
        images=dict(
            hidden=[1000, 500, 250],
            loss="cross_entropy",
            batch_size=125,
            learning_rate=3e-3,
            weight_decay=0.1,
        ),
        documents=dict(
            hidden=[500, 250, 125],
            loss="multinomial",
            weighting="log",
            batch_size=125,
            learning_rate=3e-3,
        ),
