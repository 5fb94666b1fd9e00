from pathlib import Path

from aebench.console import job
from aebench.stages import aggregate

with job(snakemake.log[0], "aggregate"):
    folder = Path(snakemake.output.metrics).parent
    aggregate.run(
        snakemake.input.scores,
        folder,
        snakemake.params.roles,
        snakemake.params.database,
    )
