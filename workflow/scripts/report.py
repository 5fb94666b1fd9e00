from pathlib import Path

from aebench.console import job
from aebench.stages import report

with job(snakemake.log[0], "report"):
    report.run(
        Path(snakemake.input.metrics).parent,
        Path(snakemake.output.page).parent,
        snakemake.params.budget,
        snakemake.params.config,
        snakemake.params.roles,
        snakemake.params.given,
        snakemake.threads,
    )
