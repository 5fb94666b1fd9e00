from aebench import jobs

jobs.run("aebench.stages.toys", snakemake, "made-up data", out=snakemake.output.toys)
