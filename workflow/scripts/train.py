from pathlib import Path

from aebench.console import job
from aebench.stages import train

params, wildcards = snakemake.params, snakemake.wildcards
folders = [Path(file).parent for file in snakemake.output.codes]
label = f"{wildcards.dataset} {folders[0].parts[-3]} d{wildcards.code_size}"

with job(snakemake.log[0], f"{label}: train"):
    train.run(
        snakemake.input.data,
        dict(zip(params.seeds, folders, strict=True)),
        estimator=params.estimator,
        parameters={"images": params.get("images"), "documents": params.get("documents")},
        code_size=int(wildcards.code_size),
        epochs=params.epochs,
        device=params.device,
        precision=params.precision,
        threads=snakemake.threads,
        label=label,
    )
