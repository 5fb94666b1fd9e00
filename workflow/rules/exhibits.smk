# exhibits: what the models of a data set of images make of a few chosen ones, for figures to show.
def shown_models(file):
    """One file of every saved model to show: the lowest seed's, one code size a variant."""
    return lambda wildcards: [
        f"<results>/{wildcards.dataset}/{variant}/d{size}/seed-{min(SEEDS)}/{file}"
        for variant, size in PLAN.shown_code_sizes(wildcards.dataset, COMPARISONS).items()
        if is_model(variant)
    ]


rule exhibits:
    input:
        data="<results>/{dataset}/data.npz",
        models=shown_models("model.safetensors"),
        facts=shown_models("model.json"),
        codes=shown_models("codes.npz"),
        code=code(
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
