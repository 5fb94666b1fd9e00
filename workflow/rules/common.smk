# Names and paths that every stage shares.
import functools
import hashlib
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

from aebench import jobs, limits, running
from aebench.errors import AebenchError
from aebench.files import check_room, date_back, sha256
from aebench.report.names import title
from aebench.stages import plan
from aebench.stages.crate import sources

ROOT = Path(workflow.basedir)
VARIANT_FILES = sorted((ROOT / "workflow" / "variants").glob("*.smk"))

try:
    PLAN = plan.read(config, ROOT / "workflow/schemas/config.schema.yaml", VARIANT_FILES)
except AebenchError as error:
    sys.exit(f"error: {error}")  # a WorkflowError would add a traceback

ENDED = {}  # jobs that ran longer than they may, and what was said of each
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


def check_folders():
    """Refuse folders that Snakemake or a job could not write into, which it finds out too late."""
    logging.raiseExceptions = False  # a message that a full disk has no room for is shown anyway
    try:
        for folder in (f"results/{BUDGET_NAME}/logs", f"reports/{BUDGET_NAME}", ".snakemake"):
            check_room(folder, 2**16)
    except AebenchError as error:
        sys.exit(f"error: {error}")


def date_files():
    """Leave no file in the future, where a clock that was wrong, or an archive, may have put it.

    Snakemake refuses what a job has made when its input is of a later date.
    """
    made = [Path(name, BUDGET_NAME) for name in ("results", "reports")]
    files = [file for tree in made for file in tree.rglob("*") if file.is_file()] + sources(ROOT)
    count = date_back(files, time.time())
    if count:
        print(f"note: {count} files had dates in the future; they have none now.", file=sys.stderr)


def stamp(rules):
    """Give every rule the digest of its program as a parameter, which Snakemake compares.

    A date says little of a file that was copied, unpacked or only looked at by an editor.
    """
    content = functools.cache(  # rules share most of their files
        lambda file: f"{os.path.relpath(file, ROOT)} {sha256(file)}"
    )
    for each in rules:
        named = each.script or each.notebook
        code = each.input.get("code", [])
        files = [code] if isinstance(code, str) else list(code)
        files += [os.path.join(os.path.dirname(each.snakefile), named)] if named else []
        parts = [each.shellcmd or named or each.run_func_src or ""]
        parts += [content(file) for file in files if os.path.isfile(file)]
        each.set_params(program=hashlib.sha256("\n".join(parts).encode()).hexdigest())


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
    """Before the first job: be alone, refuse a GPU that is not there, share the import of PyTorch.

    What runs on this machine, in whatever language, may take its time and no longer. The last two
    only where jobs run beside us in the same Python: a cluster's node may have what we have not.
    """
    global RUN, ENDED, JOB_SERVER  # the lock and the server end when nobody holds them
    folders = [f"{kind}/{BUDGET_NAME}" for kind in ("results", "reports")]
    if not workflow.local_exec:
        folders = []  # a cluster may still be writing there
    try:
        RUN = running.begin(f".snakemake/{BUDGET_NAME}.run", folders)
    except AebenchError as error:
        sys.exit(f"error: {error}")
    refuse_closed_folders()
    if workflow.local_exec:
        ENDED = limits.watch(workflow, BUDGET.get("runtime"), too_long)
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


def refuse_closed_folders():
    """Refuse outputs that cannot be written, before Snakemake stumbles over removing old ones."""
    outputs = {Path(file).parent for job in workflow.dag.needrun_jobs() for file in job.output}
    folders = {next(each for each in (file, *file.parents) if each.exists()) for file in outputs}
    closed = sorted(str(folder) for folder in folders if not os.access(folder, os.W_OK))
    if closed:
        sys.exit(
            f"error: cannot write into {', '.join(closed[:3])}: read-only, or another user's; "
            "open the folder to this user, or make its results elsewhere."
        )


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


def case(job):
    """A job as messages name it: its rule and what of it."""
    values = ", ".join(f"{name} {value}" for name, value in job.wildcards_dict.items())
    return f"rule {job.rule.name} ({values})" if values else f"rule {job.rule.name}"


def too_long(job, minutes):
    return (
        f"error: {case(job)} ran longer than its limit of {minutes:g} minutes and was ended; "
        "the limit is `runtime` of the rule's resources, else of the budget in config.yaml."
    )


def print_failures():
    """Repeat at the end what went wrong, which a long run has scrolled away."""
    for job in sorted(workflow.scheduler.failed, key=str):
        parts = list(job) if job.is_group() else [job]
        logs = [log for part in parts for log in part.log]
        said = plan.failures(logs)
        said += [ENDED[part.jobid] for part in parts if part.jobid in ENDED and not part.log]
        where = f"see {logs[0]}" if logs else "its message stands above"
        print("\n".join(said) or f"error: {case(parts[0])} failed; {where}.")
