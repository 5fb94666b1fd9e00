# train: the rule that variants derive from. One job fits all seeds of one variant at one code size.
rule train:
    input:
        data="<results>/{dataset}/data.npz",
        code=code("environment.py", "models", "training", "stages/train.py", "stages/provenance.py"),
    output:
        codes=runs("codes.npz", "<variant>"),
        history=runs("history.csv", "<variant>"),
        model=runs("model.safetensors", "<variant>"),
        facts=runs("model.json", "<variant>"),
        run=runs("run.json", "<variant>"),
    log:
        "<logs>/{dataset}-<variant>-d{code_size}-train.log",
    pathvars:
        variant="none",
    conda:
        "../envs/aebench.yaml"
    threads: 1
    resources:
        gpu_jobs=1,  # how many share one GPU is limited by workflow/profiles/gpu
        # What a cluster's job asks for.
        gpu=lambda wildcards, rulename: int(needs_gpu(workflow.get_rule(rulename))),
    params:
        seeds=SEEDS,
        device=config["device"],
        precision=config["precision"],
        epochs=lambda wildcards: PLAN.epochs(wildcards.dataset),
    script:
        "../scripts/train.py"
