from aebench.stages import aggregate
from aebench.console import job

with job(snakemake.log[0], "aggregate"):
    aggregate.run(
        snakemake.input.scores, snakemake.output.metrics, snakemake.output.summary
    )
