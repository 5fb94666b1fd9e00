# Control: every image is its own code, so nothing is lost and nothing learned.
use rule train as train_raw with:
    pathvars:
        variant="raw",
    params:
        estimator="Identity",
        role="control",
        images=dict(code_sizes="features"),
