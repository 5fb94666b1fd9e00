# report: figures, tables, the page and its Markdown twin; `snakemake --report` shows the same.
import sys

from aebench import datasets
from aebench.report import OVERALL
from aebench.report.captions import CAPTIONS

# Names of the files that `snakemake --report` shows: of one data set, then of all together.
OF_DATASET = f"{{dataset,{'|'.join(DATASETS)}}}"
FIGURES = [
    f"{OF_DATASET}-{{figure,{'|'.join(CAPTIONS)}}}.svg",
    f"{{figure,{'|'.join(OVERALL)}}}.svg",
]
TABLES = [f"{OF_DATASET}-{{table}}.{{format}}", "{table,[a-z]+}.{format}"]
CONFIG_FILE = ROOT / "config.yaml"
GIVEN = plan.given(plan.deciding(config), CONFIG_FILE)

OVERLOOKED = plan.overlooked(PLAN.variants, VARIANT_FILES, CONFIG_FILE)

if OVERLOOKED and "variants" not in GIVEN:
    print(
        f"note: not compared: {', '.join(OVERLOOKED)}; `variants` in config.yaml does not list it.",
        file=sys.stderr,
    )


rule report:
    input:
        metrics="<results>/metrics.csv",
        summary="<results>/summary.csv",
        audit="<results>/audit.csv",
        tests="<results>/tests.csv",
        ranks="<results>/ranks.csv",
        claims="<results>/claims.csv",
        exhibits=[
            f"<results>/{dataset}/exhibits.npz"
            for dataset in DATASETS
            if datasets.kind(dataset) == "images"
        ],
        toys="<results>/toys.npz",
        excerpts=expand("<results>/{dataset}/excerpts.json", dataset=DATASETS),
        code=code("report", "stages/report.py"),
    output:
        page=report(
            "<reports>/index.html",
            caption="../report/page.rst",
            category="Page",
            labels={"page": "The report"},
        ),
        lecture=report(
            "<reports>/lecture.html",
            caption="../report/lecture.rst",
            category="Page",
            labels={"page": "Lecture notes"},
        ),
        markdown="<reports>/report.md",
        figures=report(
            directory("<reports>/figures"),
            patterns=FIGURES,
            caption="../report/figure.rst",
            category=lambda wildcards: (
                "Lecture notes" if wildcards.figure in OVERALL[1:] else of_what(wildcards)
            ),
            labels=lambda wildcards: {
                "data set": of_what(wildcards),
                "figure": CAPTIONS[wildcards.figure][0],
            },
        ),
        tables=report(
            directory("<reports>/tables"),
            patterns=TABLES,
            caption="../report/table.rst",
            category="Tables",
            labels=lambda wildcards: {
                "data set": of_what(wildcards),
                "table": wildcards.table.replace("-", " "),
                "format": wildcards.format,
            },
        ),
    log:
        "<logs>/report.log",
    conda:
        "../envs/aebench.yaml"
    threads: 2
    params:
        budget=BUDGET_NAME,
        config=plan.deciding(config),
        given={key: value for key, value in GIVEN.items() if key != "budget"},
        roles=roles(),
        captions={name: caption for name, (_, caption) in CAPTIONS.items()},
    script:
        "../scripts/report.py"
