# Kernel PCA (Gaussian, 1,000 landmarks) decoded by kernel ridge regression from codes to pixels.
# Reconstructions are clipped to the range of pixels. Held-out training images choose the kernels'
# widths and the penalty. Other landmarks change the squared error by 0.2%: one draw serves all seeds.
use rule train as train_kernel_pca with:
    pathvars:
        variant="kernel-pca",
    params:
        estimator="KernelPCA",
        role="baseline",
        images=dict(
            code_sizes="main",
            clip=[0, 1],
            tune=dict(gamma=[0.3, 1.0], decoder_gamma=[0.3, 1.0, 3.0], alpha=[0.01, 0.1]),
        ),
