from aebench.console import job
from aebench.stages import data

with job(snakemake.log[0], f"{snakemake.wildcards.dataset}: data"):
    data.run(
        snakemake.wildcards.dataset,
        snakemake.output.data,
        snakemake.output.facts,
        snakemake.output.excerpts,
        vocabulary_size=snakemake.params.vocabulary_size,
        **snakemake.params.limits,
    )
