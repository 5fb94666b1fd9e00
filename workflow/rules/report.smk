# report: figures, the page and its Markdown twin.
from aebench import datasets
from aebench.report import figure_names


def figures(suffix):
    """Every figure of the plan in one format."""
    return [
        f"<reports>/figures/{dataset}-{name}.{suffix}"
        for dataset in DATASETS
        for name in figure_names(dataset, datasets.kind(dataset))
    ]


rule report:
    input:
        metrics="<results>/metrics.csv",
        summary="<results>/summary.csv",
        claims="<results>/claims.csv",
        code=code("report", "stages/report.py"),
    output:
        page="<reports>/index.html",
        markdown="<reports>/report.md",
        svg=figures("svg"),
        png=figures("png"),
    params:
        budget=BUDGET_NAME,
        config=config,
    log:
        "<logs>/report.log",
    threads: 1
    script:
        "../scripts/report.py"
