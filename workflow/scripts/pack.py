from pathlib import Path

from aebench.console import job
from aebench.stages import pack

with job(snakemake.log[0], "pack"):
    pack.run(Path(snakemake.input[0]).parent, snakemake.output[0])
