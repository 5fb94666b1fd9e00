# verify: does this run agree with the released one? `snakemake verify`, or `make verify` without Snakemake.
rule verify:
    input:
        metrics="<results>/metrics.csv",
    log:
        "<logs>/verify.log",
    conda:
        "../envs/aebench.yaml"
    threads: 1
    params:
        budget=BUDGET_NAME,
        config=config,
        reference=ROOT / "reference",
    script:
        "../scripts/verify.py"
