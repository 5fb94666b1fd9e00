# crate: the report's folder becomes a package that describes itself (RO-Crate); pack: one archive of it.


rule crate:
    input:
        page="<reports>/index.html",
        metrics="<results>/metrics.csv",
        facts=expand("<results>/{dataset}/data.json", dataset=DATASETS),
        code=[os.path.relpath(file) for file in sources(ROOT)],
    output:
        metadata="<reports>/ro-crate-metadata.json",
        readme="<reports>/README.md",
        data=directory("<reports>/data"),
        source=directory("<reports>/source"),
    log:
        "<logs>/crate.log",
    conda:
        "../envs/aebench.yaml"
    threads: 1
    params:
        budget=BUDGET_NAME,
        config=config,
        datasets=DATASETS,
        root=str(ROOT),
    script:
        "../scripts/crate.py"


rule pack:
    input:
        "<reports>/ro-crate-metadata.json",
    output:
        f"<reports>/aebench-{BUDGET_NAME}.zip",
    log:
        "<logs>/pack.log",
    conda:
        "../envs/aebench.yaml"
    threads: 1
    script:
        "../scripts/pack.py"
