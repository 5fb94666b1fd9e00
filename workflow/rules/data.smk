# data: fetch, check, parse, split.
rule data:
    input:
        code=code("datasets"),
    output:
        data="<results>/{dataset}/data.npz",
        facts="<results>/{dataset}/data.json",
    params:
        limits=lambda wildcards: PLAN.limits(wildcards.dataset),
        vocabulary_size=config["vocabulary_size"],
    log:
        "<logs>/{dataset}-data.log",
    priority: 100
    threads: 1
    script:
        "../scripts/data.py"
