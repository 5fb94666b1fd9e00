# aggregate: every score in one tidy table, and its summary over seeds.
rule aggregate:
    input:
        scores=lambda wildcards: all_runs("scores.csv"),
        code=code("statistics.py", "stages/aggregate.py"),
    output:
        metrics="<results>/metrics.csv",
        summary="<results>/summary.csv",
    log:
        "<logs>/aggregate.log",
    threads: 1
    script:
        "../scripts/aggregate.py"
