# evaluate: the only stage that compares anything with the test set.
rule evaluate:
    input:
        data="<results>/{dataset}/data.npz",
        codes=runs("codes.npz"),
        decoders=decoders,
        unseen=unseen,
        code=code(
            "environment.py",
            "metrics",
            "stages/evaluate.py",
            "stages/provenance.py",
            "training/device.py",
        ),
    output:
        scores=runs("scores.csv"),
        by_class=runs("classes.csv"),
        by_item=runs("items.npz"),
        samples=runs("samples.npz"),
        cost=runs("cost.json"),
    log:
        "<logs>/{dataset}-{variant}-d{code_size}-evaluate.log",
    priority: 50
    conda:
        "../envs/aebench.yaml"
    threads: 1
    params:
        # A node without a GPU may evaluate what one with a GPU has trained.
        device="cpu" if config["device"] == "cpu" else "auto",
        database=config["database"],
        with_models=lambda wildcards: is_model(wildcards.variant),
        limits=lambda wildcards: PLAN.evaluation_limits(wildcards.dataset),
    script:
        "../scripts/evaluate.py"
