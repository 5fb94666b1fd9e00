# A small autoencoder: 256 hidden units on either side of the code.
use rule train as train_small with:
    pathvars:
        variant="small",
    params:
        estimator="AutoEncoder",
        images=dict(hidden=[256], loss="cross_entropy"),
        documents=dict(hidden=[256], loss="multinomial", weighting="log"),
