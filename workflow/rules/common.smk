# Names and paths that every stage shares.
import os
import subprocess
import sys
import time
from pathlib import Path

from aebench import jobs
from aebench.errors import AebenchError
from aebench.report.names import title
from aebench.stages import plan

STARTED = time.time()
ROOT = Path(workflow.basedir)
VARIANT_FILES = sorted((ROOT / "workflow" / "variants").glob("*.smk"))

try:
    PLAN = plan.read(config, ROOT / "workflow/schemas/config.schema.yaml", VARIANT_FILES)
except AebenchError as error:
    sys.exit(f"error: {error}")  # a WorkflowError would add a traceback

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
        os.path.relpath(file) for file in files if file.is_file() and file.suffix != ".pyc"
    )


def comparisons():
    """Every (dataset, variant, code size) to train; one message when a variant's file is wrong."""
    try:
        return PLAN.comparisons({variant: rule_of(variant).params for variant in PLAN.variants})
    except AebenchError as error:
        sys.exit(f"error: {error}")


def rule_of(variant):
    """What trains a variant: its file's name says which rule."""
    file, name = f"workflow/variants/{variant}.smk", f"train_{variant.replace('-', '_')}"
    if not workflow.is_rule(name):
        raise AebenchError(f"{file} has no rule {name}; its rule must be called that.")
    found = workflow.get_rule(name)
    elsewhere = [path for path in map(str, found.output) if variant not in Path(path).parts]
    if elsewhere:
        raise AebenchError(
            f"{file}: rule {name} writes {elsewhere[0]}, which is not in a folder {variant}/; "
            f'set variant="{variant}" under its `pathvars`.'
        )
    return found


def measured(table):
    """A table of all that was measured, which `snakemake --report` shows beside those of the page."""
    return report(
        f"<results>/{table}.csv",
        caption=f"../report/{table}.rst",
        category="Tables",
        labels={"data set": "All data sets", "table": f"{table}, whole", "format": "csv"},
    )


def is_model(variant):
    """Whether a variant's fitted estimator is kept, so that it can be asked more than it wrote."""
    return rule_of(variant).params.get("estimator") is not None


def decoders(wildcards):
    """What reconstructs a variant's codes: its models, or what a rule of one's own has written."""
    files = "model.safetensors" if is_model(wildcards.variant) else "reconstruction.npy"
    return expand(runs(files), **wildcards)


def unseen(wildcards):
    """Another data set, which the models of this one never saw."""
    name = PLAN.unseen(wildcards.dataset)
    return f"<results>/{name}/data.npz" if name and is_model(wildcards.variant) else []


def shown_models(file):
    """One file of every saved model to show: the lowest seed's, one code size a variant."""
    return lambda wildcards: [
        f"<results>/{wildcards.dataset}/{variant}/d{size}/seed-{min(SEEDS)}/{file}"
        for variant, size in PLAN.shown_code_sizes(wildcards.dataset, COMPARISONS).items()
        if is_model(variant)
    ]


def of_what(wildcards):
    """The data set of a figure or a table, as prose writes it."""
    return title(wildcards.dataset) if "dataset" in wildcards.keys() else "All data sets"


def roles():
    """What each variant is in a comparison."""
    return {variant: plan.role(variant, rule_of(variant).params) for variant in PLAN.variants}


def all_runs(file):
    """One file of every run of the plan: what aggregate waits for."""
    return [
        f"<results>/{dataset}/{variant}/d{code_size}/seed-{seed}/{file}"
        for dataset, variant, code_size in COMPARISONS
        for seed in SEEDS
    ]


def begin():
    """Before the first job: refuse a GPU that is not there, and share the import of PyTorch.

    Only where jobs run beside us in the same Python: a cluster's node may have what we have not.
    """
    global JOB_SERVER  # it ends when nobody holds it
    elsewhere = not workflow.local_exec or workflow.deployment_settings.deployment_method
    if elsewhere or workflow.touch:
        return
    if config["device"] == "cuda" and any(
        trains_network(job.rule) for job in workflow.dag.needrun_jobs()
    ):
        # Snakemake removes a job's earlier files before the job itself could refuse.
        test = "import sys, torch; sys.exit(not torch.cuda.is_available())"
        if subprocess.run([sys.executable, "-c", test]).returncode:
            sys.exit(
                "error: config: device is 'cuda', but PyTorch finds no usable GPU here; "
                "use 'auto' or 'cpu'."
            )
    JOB_SERVER = jobs.start_server()


def trains_network(rule):
    return rule.params.get("estimator") == "AutoEncoder"


def needs_gpu(rule):
    return config["device"] == "cuda" and trains_network(rule)


def group_jobs():
    """Let a cluster run training and evaluating a variant, often a few seconds, as one of its jobs.

    How many variants share one is said by a profile's `group-components`.
    """
    for variant in PLAN.variants:
        rule_of(variant).group = group_of(variant)
    workflow.get_rule("evaluate").group = lambda wildcards: group_of(wildcards.variant)(wildcards)


def group_of(variant):
    """What chooses the group of a variant's jobs: no GPU waits for a PCA; none on one machine."""
    group = "gpu" if needs_gpu(rule_of(variant)) else "cpu"
    return lambda wildcards: None if workflow.local_exec else group


def print_failures():
    """Repeat at the end what went wrong, which a long run has scrolled away."""
    print("\n".join(plan.failures(f"results/{BUDGET_NAME}/logs", STARTED)))
    for job in sorted(workflow.scheduler.failed, key=str):
        if not job.is_group() and not job.log:
            case = ", ".join(f"{name} {value}" for name, value in job.wildcards_dict.items())
            print(f"error: rule {job.rule.name} failed ({case}); its message stands above.")
