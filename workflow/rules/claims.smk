# claims: published numbers against measured ones.
rule claims:
    input:
        metrics="<results>/metrics.csv",
        facts=expand("<results>/{dataset}/data.json", dataset=DATASETS),
        code=code("claims.py", "claims.yaml", "statistics", "stages/claims.py"),
    output:
        claims=report("<results>/claims.csv", caption="../report/claims.rst", category="Tables"),
    log:
        "<logs>/claims.log",
    conda:
        "../envs/aebench.yaml"
    threads: 1
    params:
        budget=BUDGET_NAME,
    script:
        "../scripts/claims.py"
