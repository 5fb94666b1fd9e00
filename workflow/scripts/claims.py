from aebench.stages import claims
from aebench.console import job

with job(snakemake.log[0], "claims"):
    claims.run(snakemake.input.metrics, snakemake.params.budget, snakemake.output.claims)
