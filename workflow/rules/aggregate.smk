# aggregate: every score in one tidy table, its summary over seeds, and how sure all of it is.
rule aggregate:
    input:
        scores=lambda wildcards: all_runs("scores.csv"),
        by_item=lambda wildcards: all_runs("items.npz"),
        data=expand("<results>/{dataset}/data.npz", dataset=DATASETS),
        code=code("statistics", "report/names.py", "stages/aggregate.py"),
    output:
        metrics=measured("metrics"),
        summary=measured("summary"),
        audit=measured("audit"),
        tests=measured("tests"),
        ranks=measured("ranks"),
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
