from pathlib import Path

from aebench.stages import evaluate
from aebench.console import job

wildcards = snakemake.wildcards
label = f"{wildcards.dataset} {wildcards.variant} d{wildcards.code_size}"

with job(snakemake.log[0], f"{label}: evaluate"):
    evaluate.run(
        snakemake.input.data,
        [Path(file).parent for file in snakemake.output.scores],
        code_size=int(wildcards.code_size),
        limits=snakemake.params.limits,
    )
