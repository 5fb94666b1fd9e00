# aggregate: every score in one tidy table, and its summary over seeds.
rule aggregate:
    input:
        scores=lambda wildcards: all_runs("scores.csv"),
        code=code("statistics.py", "stages/aggregate.py"),
    output:
        metrics=report("<results>/metrics.csv", caption="../report/metrics.rst", category="Tables"),
        summary=report("<results>/summary.csv", caption="../report/summary.rst", category="Tables"),
    log:
        "<logs>/aggregate.log",
    conda:
        "../envs/aebench.yaml"
    threads: 1
    script:
        "../scripts/aggregate.py"
