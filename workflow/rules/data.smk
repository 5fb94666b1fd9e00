# data: fetch, check, parse, split. Where Snakemake itself runs: a cluster's nodes may have no network.
rule data:
    input:
        code=code("datasets", "streams.py", "stages/data.py"),
    output:
        data="<results>/{dataset}/data.npz",
        facts="<results>/{dataset}/data.json",
        excerpts="<results>/{dataset}/excerpts.json",  # empty for images
    log:
        "<logs>/{dataset}-data.log",
    priority: 100
    localrule: True
    conda:
        "../envs/aebench.yaml"
    threads: 1
    resources:
        runtime=1440,  # a slow line is no fault
    params:
        limits=lambda wildcards: PLAN.limits(wildcards.dataset),
        vocabulary_size=config["vocabulary_size"],
    script:
        "../scripts/data.py"
