"""Measure how long measuring takes, family by family, on one run of a finished benchmark.

    python benchmarks/metrics.py results/quick/mnist/deep/d30/seed-0
    python benchmarks/metrics.py results/quick/mnist/deep/d30/seed-0 --budget quick

Without `--budget` nothing is limited: all 10,000 test digits are queries, and classifiers learn
from all 60,000 training digits.
"""

import argparse
import resource
import time
from pathlib import Path

import yaml

from aebench import datasets, metrics, models
from aebench.metrics.run import FAMILIES, Limits, Task
from aebench.stages import plan


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of one seed")
    parser.add_argument("--budget", help="whose limits hold")
    parser.add_argument("--database", default="test", choices=("test", "train"))
    arguments = parser.parse_args()
    *_, dataset, _, code_size, _ = arguments.folder.parts
    data = datasets.read(arguments.folder.parents[2] / "data.npz")
    model = models.load(arguments.folder)
    run = metrics.read_run(arguments.folder, data, int(code_size[1:]), model.inverse_transform)
    limits = Limits()
    if arguments.budget:
        config = yaml.safe_load(Path("config.yaml").read_text()) | {"budget": arguments.budget}
        limits = Limits(**plan.Plan(config, [dataset], []).evaluation_limits(dataset))
    task = Task(data, run, limits, model, database=arguments.database)
    print(f"{arguments.folder}, {limits}, database {arguments.database}")
    print(f"{'family':16} {'metrics':>7} {'seconds':>8} {'CPU s':>8}")
    total = 0.0
    for name, family in FAMILIES.items():
        start, cpu = time.perf_counter(), time.process_time()
        found = family(task)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        total += seconds
        print(f"{name:16} {len(found.scores) + len(found.train):7} {seconds:8.2f} {cpu:8.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{'together':16} {'':7} {total:8.2f}; peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
