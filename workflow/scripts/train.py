from pathlib import Path

from aebench import jobs

params, wildcards = snakemake.params, snakemake.wildcards
folders = [Path(file).parent for file in snakemake.output.codes]
label = f"{wildcards.dataset} {folders[0].parts[-3]} d{wildcards.code_size}"

jobs.run(
    "aebench.stages.train",
    snakemake,
    label,
    data=snakemake.input.data,
    folders=dict(zip(params.seeds, folders, strict=True)),
    estimator=params.estimator,
    parameters={"images": params.get("images"), "documents": params.get("documents")},
    code_size=int(wildcards.code_size),
    epochs=params.epochs,
    device=params.device,
    precision=params.precision,
    threads=snakemake.threads,
    label=label,
    checkpoint_minutes=snakemake.config["checkpoint_minutes"],  # no param: it changes no result
)
