# claims: published numbers against measured ones.
rule claims:
    input:
        metrics="<results>/metrics.csv",
        code=code("claims.py", "claims.yaml", "statistics.py"),
    output:
        claims="<results>/claims.csv",
    params:
        budget=BUDGET_NAME,
    log:
        "<logs>/claims.log",
    threads: 1
    script:
        "../scripts/claims.py"
