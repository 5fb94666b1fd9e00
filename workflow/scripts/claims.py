from aebench.console import job
from aebench.stages import claims

with job(snakemake.log[0], "claims"):
    claims.run(
        snakemake.input.metrics,
        snakemake.input.facts,
        snakemake.params.budget,
        snakemake.output.claims,
    )
