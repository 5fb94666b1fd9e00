# Names and paths that every stage shares.
import os
from pathlib import Path

from aebench.errors import AebenchError
from aebench.stages import plan

ROOT = Path(workflow.basedir)
VARIANT_FILES = sorted((ROOT / "workflow" / "variants").glob("*.smk"))

try:
    PLAN = plan.read(config, ROOT / "workflow/schemas/config.schema.yaml", VARIANT_FILES)
except AebenchError as error:
    raise WorkflowError(str(error))

BUDGET_NAME = config["budget"]
BUDGET = PLAN.budget
DATASETS = PLAN.datasets
SEEDS = BUDGET["seeds"]


def runs(file, variant="{variant}"):
    """One file of every seed's folder; dataset and code size stay wildcards."""
    folder = f"<results>/{{dataset}}/{variant}/d{{code_size}}"
    return [f"{folder}/seed-{seed}/{file}" for seed in SEEDS]


def code(*parts):
    """Source files a stage depends on, so that editing one reruns that stage."""
    source = ROOT / "src" / "aebench"
    paths = [source / part for part in parts]
    files = {file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])}
    return sorted(
        os.path.relpath(file)
        for file in files
        if file.is_file() and file.suffix != ".pyc"
    )


def all_runs(file):
    """One file of every run of the plan: what aggregate waits for."""
    comparisons = PLAN.comparisons(
        {variant: rule_of(variant).params for variant in PLAN.variants}
    )
    return [
        f"<results>/{dataset}/{variant}/d{code_size}/seed-{seed}/{file}"
        for dataset, variant, code_size in comparisons
        for seed in SEEDS
    ]


def rule_of(variant):
    """The rule that trains a variant: its file's name says which."""
    return workflow.get_rule("train_" + variant.replace("-", "_"))


def print_failures():
    """Repeat at the end what went wrong, which a long run has scrolled away."""
    print("\n".join(plan.failures(f"results/{BUDGET_NAME}/logs")))
