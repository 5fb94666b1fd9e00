"""What a result depends on: its own data set, variant, code size and seed, and nothing else."""

from pathlib import Path

import pytest
import yaml
from conftest import Workflow, plant

DATASETS = ("mnist", "20newsgroups")
VARIANTS = ("pca", "deep-rbm", "denoising-gaussian")
MORE = ("random-projection", "stacked-denoising")


def finished(workflow: Workflow, seeds: list[int], cores: int) -> list[str]:
    """Run the workflow up to the tidy table; its rows."""
    config = yaml.safe_load((workflow.folder / "config.yaml").read_text())
    config["budgets"]["tiny"]["seeds"] = seeds
    workflow.configure(budgets=config["budgets"])
    for name in DATASETS:
        plant(workflow, name)
    table = "results/tiny/metrics.csv"
    outcome = workflow.run(table, "--cores", str(cores))
    assert outcome.code == 0, outcome.text
    return Path(workflow.folder, table).read_text().splitlines()


@pytest.mark.long
@pytest.mark.promise(
    "Reproducibility",
    "Another variant, another seed and other cores change no digit of a metric",
)
def test_more_variants_seeds_and_cores_change_no_other_result(make_workflow, measured):
    rows = finished(make_workflow(*VARIANTS, datasets=DATASETS), [0, 1], cores=1)
    more = finished(make_workflow(*VARIANTS, *MORE, datasets=DATASETS), [2, 0, 1], cores=2)
    assert len(rows) > 600
    assert len(more) > 2 * len(rows)
    changed = set(rows) - set(more)
    assert changed == set()
    measured("metrics compared", len(rows) - 1)
    measured("metrics changed", len(changed))
