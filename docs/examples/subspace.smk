# A method of one's own: any program that writes codes.npz and reconstruction.npy.
rule train_subspace:
    input:
        data="<results>/{dataset}/data.npz",
    output:
        codes="<results>/{dataset}/subspace/d{code_size}/seed-{seed}/codes.npz",
        reconstruction=temp(
            "<results>/{dataset}/subspace/d{code_size}/seed-{seed}/reconstruction.npy"
        ),
    params:
        images=dict(),
    script:
        "subspace.py"
