# The deep autoencoder whose decoder has the encoder's weights, transposed (Vincent et al. 2008).
use rule train as train_tied with:
    pathvars:
        variant="tied",
    params:
        estimator="AutoEncoder",
        images=dict(
            code_sizes="main",
            hidden=[1000, 500, 250],
            tied=True,
            loss="cross_entropy",
            batch_size=125,
            weight_decay=0.1,
        ),
