# aggregate: every score in one tidy table, its summary over seeds, and how sure all of it is.
rule aggregate:
    input:
        scores=lambda wildcards: all_runs("scores.csv"),
        by_item=lambda wildcards: all_runs("items.npz"),
        data=expand("<results>/{dataset}/data.npz", dataset=DATASETS),
        code=code("statistics", "report/names.py", "stages/aggregate.py"),
    output:
        metrics=report("<results>/metrics.csv", caption="../report/metrics.rst", category="Tables"),
        summary=report("<results>/summary.csv", caption="../report/summary.rst", category="Tables"),
        audit=report("<results>/audit.csv", caption="../report/audit.rst", category="Tables"),
        tests=report("<results>/tests.csv", caption="../report/tests.rst", category="Tables"),
        ranks=report("<results>/ranks.csv", caption="../report/ranks.rst", category="Tables"),
    log:
        "<logs>/aggregate.log",
    conda:
        "../envs/aebench.yaml"
    threads: 1
    params:
        roles=lambda wildcards: roles(),
        database=config["database"],
    script:
        "../scripts/aggregate.py"
