from pathlib import Path

from aebench import jobs

wildcards = snakemake.wildcards

jobs.run(
    "aebench.stages.evaluate",
    snakemake,
    f"{wildcards.dataset} {wildcards.variant} d{wildcards.code_size}",
    data=snakemake.input.data,
    folders=[Path(file).parent for file in snakemake.output.scores],
    code_size=int(wildcards.code_size),
    database=snakemake.params.database,
    with_models=snakemake.params.with_models,
    unseen=snakemake.input.get("unseen") or None,
    device=snakemake.params.device,
    limits=snakemake.params.limits,
)
