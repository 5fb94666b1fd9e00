"""What a code keeps of how items lie: which are neighbours, what factors they were made from. And
what kind of code it is: how many dimensions it fills, how many units are active.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse

from aebench.metrics.classification import standardise
from aebench.metrics.jacobian import jacobian_norm
from aebench.metrics.measured import Measured, Model, exact_mean, measured
from aebench.metrics.reconstruction import Matrix
from aebench.streams import stream

NEIGHBOURS = 10
"""The k of neighbourhoods; at most half of the other items."""

PENALTIES = (1e-8, 1e-4, 1e-2, 1.0)
"""Ridge penalties to choose from, of standardised codes, a squared error per item; the smallest is
least squares, and a code of many rarely active units needs more."""

VALIDATION_SHARE = 10

_BLOCK_ENTRIES = 2**22


def structure_scores(
    X: Matrix, codes: np.ndarray, codes_train: np.ndarray, model: Model | None = None
) -> Measured:
    """Measure a sample of items, all pairs of them: time grows with the square of their number.

    Parameters
    ----------
    X : ndarray or CSR matrix [n, n_features]
        Images as pixels in [0, 1] (dense), or documents as counts of words (CSR).
    codes : ndarray [n, d]
        Their codes, float32, or uint8 of 0 and 1.
    codes_train : ndarray [n_train, d]
        Codes of all training items.
    model : Model, optional
        What made the codes of images; without it there is no `jacobian_norm`.

    Returns
    -------
    Measured
        `trustworthiness`, `continuity` (with the values of each item), see `neighbourhoods`;
        `mean_activation`, mean of |z| over units and items, which is the mean activation where
        units lie in [0, 1]; `code_sparsity`, see `sparsity`, mean over the items whose code is not
        zero (NaN when all are); `dead_units`, share of the units that are constant over
        `codes_train`. Unless codes are bits, also `local_intrinsic_dimension` and, of images,
        `jacobian_norm`.
    """
    trust, continuity = neighbourhoods(X, codes)
    active = sparsity(codes)
    scores = {
        "trustworthiness": exact_mean(trust),
        "continuity": exact_mean(continuity),
        "mean_activation": exact_mean(np.abs(codes.astype(np.float64)).mean(axis=1)),
        "code_sparsity": exact_mean(active),
        "dead_units": float((codes_train == codes_train[0]).all(axis=0).mean()),
    }
    if codes.dtype != np.uint8:  # of bits there are few distances and no slopes
        scores["local_intrinsic_dimension"] = local_intrinsic_dimension(codes)
        if model is not None and isinstance(X, np.ndarray):
            scores["jacobian_norm"] = jacobian_norm(model, X)
    return measured(scores, items={"trustworthiness": trust, "continuity": continuity})


def neighbourhoods(
    X: Matrix, codes: np.ndarray, k: int = NEIGHBOURS
) -> tuple[np.ndarray, np.ndarray]:
    """Trustworthiness and continuity of each item (Venna & Kaski 2001, ICANN, eq. 1 and 2).

    Trustworthiness falls with items that are among the k nearest of the codes and not of the
    items, by how far they are from being so; continuity with those that codes have lost. Items of
    equal distance have no order: these are the expected values over a random order inside ties,
    in each space for itself.

    Parameters
    ----------
    X : ndarray or CSR matrix [n, n_features]
        Images are compared by the Euclidean distance of pixels; documents by the cosine of
        log(1+count).
    codes : ndarray [n, d]
        Compared by Euclidean distance, which of bits is the Hamming distance, ranked.
    k : int
        At most (n - 1) // 2 are used.

    Returns
    -------
    tuple of ndarray [n], float64
        At most 1, where no item is wrong; their means lie in [0, 1]. Codes that are all equal give
        1 - (n-1-k)(n-k) / ((n-1)(2n-3k-1)), about a half. NaN of fewer than 3 items.
    """
    n = len(codes)
    k = min(k, (n - 1) // 2)
    if k < 1:
        return np.full(n, np.nan), np.full(n, np.nan)
    wrong = []
    for item, code in zip(_distances(_comparable(X)), _distances(codes), strict=True):
        (near, beyond), (near_code, beyond_code) = _expected(item, k), _expected(code, k)
        wrong.append((math.fsum(near_code * beyond), math.fsum(near * beyond_code)))
    trust, continuity = 1 - np.array(wrong).T * (2 / (k * (2 * n - 3 * k - 1)))
    return trust, continuity


def local_intrinsic_dimension(codes: np.ndarray, k: int = NEIGHBOURS) -> float:
    """Dimension that codes fill, as seen from their k nearest neighbours.

    The maximum-likelihood estimate of Levina & Bickel (2004, NIPS 17, eq. 8), whose inverses, not
    the estimates, are averaged over items (MacKay & Ghahramani 2005, "Comments on 'Maximum
    likelihood estimation of intrinsic dimension'"). Few items in many dimensions look like fewer
    dimensions: compare codes of equally many items.

    Parameters
    ----------
    codes : ndarray [n, d]
        Equal codes count once: they are one point.
    k : int
        At most all others are used.

    Returns
    -------
    float
        0 of fewer than three different codes; NaN when the distances of every item to its
        neighbours are equal, which no dimension explains.
    """
    points = np.unique(codes, axis=0)
    if len(points) < 3:
        return 0.0
    k = min(k, len(points) - 1)
    inverses = []
    for squares in _distances(points):
        nearest = np.sort(np.partition(squares, k - 1)[:k])
        inverses += list(np.log(nearest[-1] / nearest[:-1]) / 2)
    total = math.fsum(inverses)
    return len(inverses) / total if total else math.nan


def sparsity(codes: np.ndarray) -> np.ndarray:
    """Sparsity of each code (Hoyer 2004, JMLR 5:1457): (sqrt(d) - |z|_1 / |z|_2) / (sqrt(d) - 1).

    Returns
    -------
    ndarray [n], float64
        In [0, 1]: 0 where all units are equally active, 1 where a single one is; NaN where none
        is, and for codes of one unit.
    """
    Z = np.abs(codes.astype(np.float64))
    root = math.sqrt(Z.shape[1])
    sums, norms = Z.sum(axis=1), np.sqrt(np.square(Z).sum(axis=1))
    some = (norms > 0) & (root > 1)
    ratio = np.divide(sums, norms, out=np.full(len(Z), np.nan), where=some)
    return np.clip((root - ratio) / max(root - 1, 1e-300), 0, 1)


def factor_recovery(
    train: np.ndarray,
    train_factors: np.ndarray,
    test: np.ndarray,
    test_factors: np.ndarray,
    seed: int = 0,
) -> float:
    """Share of the variance of the true factors that a linear regression from codes explains.

    The regression, with an intercept, is fitted on train; its penalty is chosen on a tenth of
    train. The test items are used once.

    Parameters
    ----------
    train, test : ndarray [n_train, d], [n_test, d]
        Codes, float32 or uint8.
    train_factors, test_factors : ndarray [n_train, n_factors], [n_test, n_factors]
    seed : int
        Of the validation part.

    Returns
    -------
    float
        R^2 on test, the uniform average over the factors: 1 for a linear image of the factors. It
        is measured against predicting the train mean, so a constant code has exactly 0; below 0 is
        worse than that.
    """
    Z, Z_test = (codes.astype(np.float64) for codes in standardise(train, test))
    mean, scale = train_factors.mean(axis=0, dtype=np.float64), train_factors.std(axis=0)
    y, y_test = (train_factors - mean) / scale, (test_factors - mean) / scale
    order = stream(seed, "factor validation").permutation(len(Z))
    validation, fit = np.split(order, [max(1, len(Z) // VALIDATION_SHARE)])
    errors = [
        np.mean((y[validation] - Z[validation] @ weights) ** 2)
        for weights in _ridge(Z[fit], y[fit], PENALTIES)
    ]
    (weights,) = _ridge(Z, y, [PENALTIES[int(np.argmin(errors))]])
    left = np.sum((y_test - Z_test @ weights) ** 2, axis=0)
    return float(np.mean(1 - left / np.sum(y_test**2, axis=0)))


def _ridge(Z: np.ndarray, y: np.ndarray, penalties: Sequence[float]) -> list[np.ndarray]:
    """Weights [d, n_factors] of centred codes and factors for each penalty."""
    covariance, target = Z.T @ Z / len(Z), Z.T @ y / len(Z)
    unit = np.eye(len(covariance))
    return [np.linalg.solve(covariance + penalty * unit, target) for penalty in penalties]


def _comparable(X: Matrix) -> np.ndarray:
    """Items [n, n_features] as points: documents as log(1+count), scaled to unit length."""
    if isinstance(X, np.ndarray):
        return X
    logs = sparse.csr_matrix(X, dtype=np.float64).log1p().toarray()
    lengths = np.sqrt(np.square(logs).sum(axis=1, keepdims=True))
    return logs / np.where(lengths > 0, lengths, 1)


def _distances(points: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the squared distances [n] of each point to all; to itself, infinite.

    Each pair is summed for itself, in the order of the dimensions: the order of the points does
    not matter, and copies of a point are exactly as far as it is.
    """
    from scipy.spatial.distance import cdist

    points = points.astype(np.float64)
    step = max(1, _BLOCK_ENTRIES // len(points))
    for start in range(0, len(points), step):
        block = cdist(points[start : start + step], points, "sqeuclidean")
        for i, distances in enumerate(block, start):
            distances[i] = np.inf
            yield distances


def _expected(distances: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Probability to be among the k nearest, and expected max(rank - k, 0), of each item.

    An item that ties with s - 1 others behind b nearer ones has each of the ranks b + 1 to b + s
    with probability 1/s.
    """
    ranked = np.sort(distances)
    before = np.searchsorted(ranked, distances, "left")
    after = np.searchsorted(ranked, distances, "right")
    size = after - before
    near = np.clip(k - before, 0, size) / size
    last, first = np.maximum(after - k, 0), np.maximum(before - k, 0)
    return near, (last * (last + 1) - first * (first + 1)) / (2 * size)
