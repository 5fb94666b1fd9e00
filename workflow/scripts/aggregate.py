from aebench.console import job
from aebench.stages import aggregate

with job(snakemake.log[0], "aggregate"):
    aggregate.run(snakemake.input.scores, snakemake.output.metrics, snakemake.output.summary)
