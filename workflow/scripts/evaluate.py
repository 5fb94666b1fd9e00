from pathlib import Path

from aebench.console import job
from aebench.stages import evaluate

wildcards = snakemake.wildcards
label = f"{wildcards.dataset} {wildcards.variant} d{wildcards.code_size}"

with job(snakemake.log[0], f"{label}: evaluate"):
    evaluate.run(
        snakemake.input.data,
        [Path(file).parent for file in snakemake.output.scores],
        code_size=int(wildcards.code_size),
        **snakemake.params.limits,
    )
