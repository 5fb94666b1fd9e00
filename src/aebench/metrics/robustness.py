"""What is left of a reconstruction when the item is corrupted, or like none in training."""

import math
from collections.abc import Iterator

import numpy as np
from scipy import sparse

from aebench.metrics.measured import Measured, Model, measured
from aebench.metrics.reconstruction import Decoded, headline, in_one_pass, squared_error
from aebench.metrics.sampling import Matrix, generators

NOISE = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Standard deviations of Gaussian noise on pixels in [0, 1]."""

MISSING = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Shares of features that are missing."""


def corruption_scores(model: Model, X: Matrix, kind: str, seed: int = 0) -> Measured:
    """Reconstruct items from corrupted ones: denoising and inpainting.

    Parameters
    ----------
    model : Model
    X : ndarray or CSR matrix [n, n_features]
        Clean items, a sample will do: pixels in [0, 1], or counts of words.
    kind : {"images", "documents"}
    seed : int
        Of what is drawn, see `corruptions`: the order of the items does not matter.

    Returns
    -------
    Measured
        Images: `squared_error_gaussian_<sd>`, `squared_error_missing_<share>`. Documents:
        `perplexity_missing_<share>`. What the corrupted item's code decodes to is compared with
        the CLEAN item, so a document's missing words count, too.
    """
    scores: dict[str, float] = {}
    for name, corrupted in corruptions(X, seed):
        R = Decoded(model, model.transform(corrupted), X.shape[1])
        scores |= headline(X, R, kind, f"_{name}")
    return measured(scores)


def corruptions(X: Matrix, seed: int = 0) -> Iterator[tuple[str, Matrix]]:
    """Yield names and corrupted copies of items [n, n_features].

    `gaussian_<sd>`, of images alone: noise is added and the result clipped to [0, 1], as published
    benchmarks do (Hendrycks & Dietterich 2019, "Benchmarking neural network robustness to common
    corruptions and perturbations", ICLR), for pixels are what estimators are promised: NMF refuses
    negative ones. `missing_<share>`: every feature is set to 0 with this probability (Vincent et
    al., JMLR 11:3371, 2010, section 3.3). Of a document's counts that is every word of its
    vocabulary, all its occurrences at once, and what remains are counts again, of a shorter one.

    Every item draws from a stream of its own, and what it draws serves all levels: what is missing
    at one share is missing at the greater ones, and noise is scaled. So levels, and variants,
    differ by nothing that was drawn.
    """
    streams = generators(X, "corruption", seed)
    if isinstance(X, np.ndarray):
        noise, uniform = np.empty(X.shape, np.float32), np.empty(X.shape, np.float32)
        for row, stream in enumerate(streams):
            noise[row] = stream.standard_normal(X.shape[1], dtype=np.float32)
            uniform[row] = stream.random(X.shape[1], dtype=np.float32)
        for level in NOISE:
            yield f"gaussian_{level}", np.clip(X + np.float32(level) * noise, 0, 1)
        for level in MISSING:
            yield f"missing_{level}", X * (uniform >= level)
        return
    lengths = np.diff(X.indptr)
    uniform = np.concatenate([stream.random(n) for n, stream in zip(lengths, streams, strict=True)])
    for level in MISSING:
        remaining = sparse.csr_matrix((X.data * (uniform >= level), X.indices, X.indptr), X.shape)
        remaining = remaining.copy()  # as it shares its columns with X
        remaining.eliminate_zeros()
        yield f"missing_{level}", remaining


def unseen_scores(model: Model, X: Matrix, X_unseen: Matrix) -> Measured:
    """Tell items of another data set by their reconstruction.

    Parameters
    ----------
    model : Model
    X, X_unseen : ndarray or CSR matrix [n, n_features], [n_unseen, n_features]
        Test items of the data set that was trained on, and items of the other; samples will do.

    Returns
    -------
    Measured
        `squared_error_unseen`, mean over the unseen items, in the unit of `squared_error`.
        `outlier_auroc`, area under the ROC of "is this an outlier" where an item's squared error is
        the score: the probability that an unseen item has the greater one, ties counted half (Mann
        & Whitney 1947); 1/2 for two halves of one data set.

    Notes
    -----
    Errors are not divided by the energy of an item. It is known that what is simpler than the
    training items is reconstructed better than they are, whatever the model learned (Nalisnick et
    al. 2019, "Do deep generative models know what they don't know?", ICLR): that is a finding, and
    the control `mean`, which knows nothing but the energy, shows how much of it there is.
    """
    errors = []
    for items in (X, X_unseen):
        R = Decoded(model, model.transform(items), items.shape[1])
        errors.append(in_one_pass(items, R, squared_error)[0])
    seen, unseen = errors
    return measured(
        {
            "squared_error_unseen": math.fsum(unseen) / len(unseen),
            "outlier_auroc": auroc(seen, unseen),
        }
    )


def auroc(negative: np.ndarray, positive: np.ndarray) -> float:
    """Probability that a positive's score is above a negative's, ties counted half; exact."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left").sum()
    not_above = np.searchsorted(ordered, positive, "right").sum()
    return float(below + not_above) / (2 * len(negative) * len(positive))
