from pathlib import Path

from aebench import jobs

jobs.run(
    "aebench.stages.exhibits",
    snakemake,
    snakemake.wildcards.dataset,
    data=snakemake.input.data,
    folders=[Path(file).parent for file in snakemake.input.models],
    out=snakemake.output.exhibits,
    main_code_size=snakemake.params.main_code_size,
)
