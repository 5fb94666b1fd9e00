"""PCA by subspace iteration from a random start, in numpy alone."""

import numpy as np

from aebench import datasets

data = datasets.read(snakemake.input.data)  # train, test: float32 [items, features] in [0, 1]
random = np.random.default_rng(int(snakemake.wildcards.seed))
mean = data.train.mean(axis=0)
basis = random.standard_normal((len(mean), int(snakemake.wildcards.code_size)), dtype=np.float32)
for _ in range(10):
    basis, _ = np.linalg.qr((data.train - mean).T @ ((data.train - mean) @ basis))

train, test = (data.train - mean) @ basis, (data.test - mean) @ basis
np.savez(snakemake.output.codes, train=train, test=test)
np.save(snakemake.output.reconstruction, test @ basis.T + mean)
