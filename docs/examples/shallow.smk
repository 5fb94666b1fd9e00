# An autoencoder with one hidden layer.
use rule train as train_shallow with:
    pathvars:
        variant="shallow",
    params:
        estimator="AutoEncoder",
        images=dict(hidden=[256], loss="cross_entropy"),
        documents=dict(hidden=[256], loss="multinomial", weighting="log"),
