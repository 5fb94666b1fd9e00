# report: figures, the page and its Markdown twin; `snakemake --report` shows the same figures.
from aebench import datasets
from aebench.report import figure_names

FIGURES = [
    (dataset, name)
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
        page=report("<reports>/index.html", caption="../report/page.rst", category="Page"),
        markdown="<reports>/report.md",
        svg=[
            report(
                f"<reports>/figures/{dataset}-{name}.svg",
                caption=f"../report/{name}.rst",
                category=dataset,
                labels={"figure": name},
            )
            for dataset, name in FIGURES
        ],
        png=[f"<reports>/figures/{dataset}-{name}.png" for dataset, name in FIGURES],
    log:
        "<logs>/report.log",
    conda:
        "../envs/aebench.yaml"
    threads: 1
    params:
        budget=BUDGET_NAME,
        config=config,
    script:
        "../scripts/report.py"
