"""Follow the test error of the faithful 2006 recipe on MNIST, epoch by epoch.

    python benchmarks/reproduce_2006.py --pretraining-epochs 10 --epochs 34 --out curve.csv

The test set is looked at after every epoch and nothing is chosen by it: the curve is compared with
one that was recorded the same way (docs/reproduction.md). One row an epoch is written at once, so
an interrupted run keeps what it has.
"""

import argparse
import time
from pathlib import Path

from aebench import datasets
from aebench.models import AutoEncoder
from aebench.training import device


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pretraining-epochs", type=int, default=10)
    parser.add_argument("--epochs", type=float, default=9)
    parser.add_argument("--code-size", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto", choices=device.DEVICES)
    parser.add_argument("--out", type=Path, default=Path("curve.csv"))
    arguments = parser.parse_args()
    device.use_threads(arguments.threads)
    mnist = datasets.prepare("mnist")
    start = time.perf_counter()

    def record(estimator: AutoEncoder, epoch: int) -> None:
        seconds = time.perf_counter() - start
        row = [f"{epoch}"]
        for items in (mnist.train, mnist.test):
            difference = estimator.inverse_transform(estimator.transform(items)) - items
            row.append(f"{(difference**2).sum(1).mean():.4f}")
        with open(arguments.out, "a", encoding="utf-8") as file:
            file.write(",".join([*row, f"{seconds:.1f}"]) + "\n")

    arguments.out.write_text("epochs_done,train_squared_error,test_squared_error,seconds\n")
    AutoEncoder(
        arguments.code_size,
        activation="sigmoid",
        loss="cross_entropy",
        initialisation="normal",
        pretraining="rbm",
        pretraining_epochs=arguments.pretraining_epochs,
        optimizer="conjugate_gradients",
        batch_size=1000,
        epochs=arguments.epochs,
        device=arguments.device,
        random_state=arguments.seed,
        verbose="hinton-2006",
    ).fit(mnist.train, on_epoch=record)


if __name__ == "__main__":
    main()
