"""PCA by subspace iteration from a random start, in numpy alone."""

import numpy as np

from aebench import datasets
from aebench.console import job

with job(snakemake.log[0], "subspace"):  # a failure is logged, and said in one line
    data = datasets.read(snakemake.input.data)  # train, test: float32 [items, features] in [0, 1]
    random = np.random.default_rng(int(snakemake.wildcards.seed))
    mean = data.train.mean(axis=0)
    shape = len(mean), int(snakemake.wildcards.code_size)
    basis = random.standard_normal(shape, dtype=np.float32)
    for _ in range(10):
        basis, _ = np.linalg.qr((data.train - mean).T @ ((data.train - mean) @ basis))

    train, test = (data.train - mean) @ basis, (data.test - mean) @ basis
    np.savez(snakemake.output[0], train=train, test=test)
    np.save(snakemake.output[1], test @ basis.T + mean)
