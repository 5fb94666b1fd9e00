# exhibits: what the models of a data set of images make of a few chosen ones, for figures to show.
rule exhibits:
    input:
        data="<results>/{dataset}/data.npz",
        models=shown_models("model.safetensors"),
        facts=shown_models("model.json"),
        codes=shown_models("codes.npz"),
        code=code(
            "metrics/contract.py",
            "metrics/measured.py",
            "metrics/reconstruction.py",
            "metrics/robustness.py",
            "metrics/sampling.py",
            "models/filters.py",
            "stages/exhibits.py",
        ),
    output:
        exhibits="<results>/{dataset}/exhibits.npz",
    log:
        "<logs>/{dataset}-exhibits.log",
    conda:
        "../envs/aebench.yaml"
    threads: 1
    params:
        main_code_size=lambda wildcards: PLAN.main_code_size(wildcards.dataset),
    script:
        "../scripts/exhibits.py"
