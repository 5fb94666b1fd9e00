# toys: small experiments on made-up data, the same at every budget, for the lecture notes.
rule toys:
    input:
        code=code("models", "training", "streams.py", "stages/toys.py"),
    output:
        toys="<results>/toys.npz",
    log:
        "<logs>/toys.log",
    conda:
        "../envs/aebench.yaml"
    threads: 1
    script:
        "../scripts/toys.py"
