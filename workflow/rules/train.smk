# train: the rule that variants derive from. One job fits all seeds of one variant at one code size.
rule train:
    input:
        data="<results>/{dataset}/data.npz",
        code=code("models", "training", "stages/train.py"),
    output:
        codes=runs("codes.npz", "<variant>"),
        reconstruction=temp(runs("reconstruction.npy", "<variant>")),
        history=runs("history.csv", "<variant>"),
        model=runs("model.safetensors", "<variant>"),
        run=runs("run.json", "<variant>"),
    params:
        seeds=SEEDS,
        device=config["device"],
        epochs=lambda wildcards: PLAN.epochs(wildcards.dataset),
    pathvars:
        variant="none",
    log:
        "<logs>/{dataset}-<variant>-d{code_size}-train.log",
    threads: 1
    resources:
        gpu=1,
    script:
        "../scripts/train.py"
