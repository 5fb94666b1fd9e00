"""A reproducible benchmark suite that compares autoencoders with PCA and LSA."""

__version__ = "0.1.0"
