# Control: reconstructs every item by the training mean; its code says nothing.
use rule train as train_mean with:
    pathvars:
        variant="mean",
    params:
        estimator="Mean",
        role="control",
        images=dict(),
        documents=dict(weighting="share"),
