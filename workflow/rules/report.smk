# report: figures, the page and its Markdown twin; `snakemake --report` shows the same figures.
import sys

from aebench import datasets
from aebench.report import FORMATS, OVERALL, figure_names

FIGURES = [
    (dataset, name)
    for dataset in DATASETS
    for name in figure_names(dataset, datasets.kind(dataset))
]
CONFIG_FILE = ROOT / "config.yaml"
GIVEN = plan.given(config, CONFIG_FILE)

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
        page=report("<reports>/index.html", caption="../report/page.rst", category="Page"),
        markdown="<reports>/report.md",
        lecture=report(
            "<reports>/lecture.html", caption="../report/lecture.rst", category="Lecture"
        ),
        overall=[
            report(
                f"<reports>/figures/{name}.svg",
                caption=f"../report/{name}.rst",
                category="All data sets" if name == OVERALL[0] else "Lecture",
                labels={"figure": name},
            )
            for name in OVERALL
        ],
        overall_others=[
            f"<reports>/figures/{name}.{suffix}"
            for name in OVERALL
            for suffix in FORMATS
            if suffix != "svg"
        ],
        svg=[
            report(
                f"<reports>/figures/{dataset}-{name}.svg",
                caption=f"../report/{name}.rst",
                category=dataset,
                labels={"figure": name},
            )
            for dataset, name in FIGURES
        ],
        others=[
            f"<reports>/figures/{dataset}-{name}.{suffix}"
            for dataset, name in FIGURES
            for suffix in FORMATS
            if suffix != "svg"
        ],
    log:
        "<logs>/report.log",
    conda:
        "../envs/aebench.yaml"
    threads: 1
    params:
        budget=BUDGET_NAME,
        config=config,
        given={key: value for key, value in GIVEN.items() if key != "budget"},
        roles=roles(),
    script:
        "../scripts/report.py"
