rule train_subspace:  # A method of one's own: any program that writes these two files.
    input:
        data="<results>/{dataset}/data.npz",
    output:
        "<results>/{dataset}/subspace/d{code_size}/seed-{seed}/codes.npz",
        temp("<results>/{dataset}/subspace/d{code_size}/seed-{seed}/reconstruction.npy"),
    log:
        "<logs>/{dataset}-subspace-d{code_size}-seed-{seed}-train.log",
    conda:
        "../envs/aebench.yaml"
    params:
        role="baseline",
        images=dict(),
    script:
        "subspace.py"
