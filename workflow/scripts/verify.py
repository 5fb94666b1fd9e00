from pathlib import Path

from aebench.console import job
from aebench.errors import AebenchError
from aebench.stages import verify

params = snakemake.params

with job(snakemake.log[0], "verify"):
    results = Path(snakemake.input.metrics).parent
    outside = verify.run(results, params.reference, params.budget, params.config)
    if outside:
        raise AebenchError(f"{outside:,} metrics are outside their bands, see above.")
