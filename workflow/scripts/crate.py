from pathlib import Path

from aebench.console import job
from aebench.stages import crate

params = snakemake.params

with job(snakemake.log[0], "crate"):
    crate.run(
        Path(snakemake.input.metrics).parent,
        Path(snakemake.output.metadata).parent,
        params.root,
        params.budget,
        params.config,
        params.datasets,
    )
