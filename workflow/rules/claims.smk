# claims: published numbers against measured ones.
rule claims:
    input:
        metrics="<results>/metrics.csv",
        facts=expand("<results>/{dataset}/data.json", dataset=DATASETS),
        code=code("claims.py", "claims.yaml", "statistics", "stages/claims.py"),
    output:
        claims=measured("claims"),
    log:
        "<logs>/claims.log",
    conda:
        "../envs/aebench.yaml"
    threads: 1
    params:
        budget=BUDGET_NAME,
    script:
        "../scripts/claims.py"
