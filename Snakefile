# data -> train -> evaluate -> aggregate -> claims -> report
#
#   snakemake --cores 2                          reproduce everything at the quick budget
#   snakemake --cores 2 --config budget=smoke    the same on a sample of the data
import os
import sys

from snakemake.utils import min_version

from aebench.errors import AebenchError
from aebench.stages import config as config_file

min_version("9.13")

if os.path.exists("config.yaml"):
    try:
        config_file.read("config.yaml")  # Snakemake itself would run a program in it
    except AebenchError as error:
        sys.exit(f"error: {error}")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


pathvars:
    results=f"results/{BUDGET_NAME}",
    logs=f"results/{BUDGET_NAME}/logs",
    reports=f"reports/{BUDGET_NAME}",


wildcard_constraints:
    dataset="|".join(PLAN.prepared),
    code_size="[0-9]+",
    seed="[0-9]+",


include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/toys.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/verify.smk"


for file in VARIANT_FILES:

    include: str(file)


COMPARISONS = comparisons()
group_jobs()


include: "workflow/rules/exhibits.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/crate.smk"


stamp(workflow.rules)
if workflow.is_main_process:
    check_folders()
    date_files()


rule all:
    default_target: True
    input:
        "<reports>/index.html",
        "<reports>/ro-crate-metadata.json",


onstart:
    print(f"aebench: budget {BUDGET_NAME}, {', '.join(DATASETS)}; results/{BUDGET_NAME}/")
    begin()


onsuccess:
    print(f"The report is reports/{BUDGET_NAME}/index.html")


onerror:
    print_failures()
