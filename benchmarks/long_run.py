"""Train one variant on images for long, and look at its error once, when it is over.

    python benchmarks/long_run.py --variant deep --epochs 100 --held-out 10000
    python benchmarks/long_run.py --variant deep --epochs 100

With `--held-out`, the last so many training images are kept from training and the error is theirs:
that is how anything is chosen. Without, all of them are trained on and the error is the test set's.
The result is one line of JSON with everything that made it.
"""

import argparse
import json
import time

import numpy as np
from works import variants

from aebench import datasets
from aebench.models import AutoEncoder
from aebench.stages.provenance import versions
from aebench.training import device


def squared_error(estimator: AutoEncoder, items: np.ndarray) -> float:
    """Squared error of the reconstructions, summed over pixels, mean over items."""
    difference = estimator.inverse_transform(estimator.transform(items)) - items
    return float((difference**2).sum(1, dtype=np.float64).mean())


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", default="deep")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--code-size", type=int, default=30)
    parser.add_argument("--epochs", type=float, default=40)
    parser.add_argument("--pretraining-epochs", type=float, default=50)
    parser.add_argument("--held-out", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto", choices=device.DEVICES)
    parser.add_argument("--precision", default="high", choices=device.PRECISIONS)
    parser.add_argument("--set", default="{}", help="other parameters, as JSON")
    arguments = parser.parse_args()
    device.use_threads(arguments.threads)
    data = datasets.prepare(arguments.dataset)
    train, other, name = data.train, data.test, "test"
    if arguments.held_out:
        train, other = np.split(train, [len(train) - arguments.held_out])
        name = "held_out"
    parameters = variants.parameters(arguments.variant, "images") | json.loads(arguments.set)
    parameters.pop("code_sizes", None)
    estimator = AutoEncoder(
        arguments.code_size,
        **parameters,
        pretraining_epochs=arguments.pretraining_epochs,
        epochs=arguments.epochs,
        device=arguments.device,
        precision=arguments.precision,
        random_state=arguments.seed,
        verbose=f"{arguments.variant} on {arguments.dataset}",
    )
    start = time.perf_counter()
    estimator.fit(train)
    found = {
        **vars(arguments),
        "parameters": parameters,
        "device": estimator.device_,
        "versions": versions(),
        "seconds": round(time.perf_counter() - start, 1),
        "train_squared_error": round(squared_error(estimator, train), 4),
        f"{name}_squared_error": round(squared_error(estimator, other), 4),
    }
    print(json.dumps(found, sort_keys=True))


if __name__ == "__main__":
    main()
