# evaluate: the only stage that compares anything with the test set.
rule evaluate:
    input:
        data="<results>/{dataset}/data.npz",
        codes=runs("codes.npz"),
        reconstruction=runs("reconstruction.npy"),
        code=code("metrics", "stages/evaluate.py", "training/device.py"),
    output:
        scores=runs("scores.csv"),
        samples=runs("samples.npz"),
    log:
        "<logs>/{dataset}-{variant}-d{code_size}-evaluate.log",
    priority: 50
    conda:
        "../envs/aebench.yaml"
    threads: 1
    params:
        # A node without a GPU may evaluate what one with a GPU has trained.
        device="cpu" if config["device"] == "cpu" else "auto",
        limits=lambda wildcards: PLAN.evaluation_limits(wildcards.dataset),
    script:
        "../scripts/evaluate.py"
