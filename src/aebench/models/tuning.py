"""Parameters chosen by the reconstruction of held-out training items."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.model_selection import GridSearchCV, ShuffleSplit

from aebench.errors import ParameterError
from aebench.streams import whole_number

ITEMS = 5000  # training items that a choice is made on
HELD_OUT = 0.2
SMALLEST_SHARE = 1e-8


def tuned(estimator: Any, grid: Mapping[str, Sequence[Any]]) -> GridSearchCV:
    """Choose among values of an estimator's parameters, then fit on all items.

    Parameters
    ----------
    estimator : estimator
    grid : mapping of parameter name to values
        Parameters of the estimator, or of the one inside it.

    Raises
    ------
    ParameterError
        For an unknown parameter or values that are no list.
    """
    known: dict[str, str] = {}
    for path in sorted(estimator.get_params(), key=len):
        known.setdefault(path.rpartition("__")[2], path)
    for name, values in grid.items():
        if name not in known:
            raise ParameterError(f"tune has {name!r}; allowed are {', '.join(known)}.")
        if not isinstance(values, list | tuple) or not values:
            raise ParameterError(f"tune: {name} is {values!r}; allowed is a list of values.")
    paths = {known[name]: list(values) for name, values in grid.items()}
    return GridSearchCV(estimator, paths, scoring=score, cv=Split(), error_score="raise")


def score(model: Any, X: Any, y: None = None) -> float:
    """How well items X are reconstructed, the higher the better.

    Dense items: minus the squared error, summed over features, averaged over items. Sparse ones
    are counts of words: their mean log-likelihood, in nats a word.
    """
    R = model.inverse_transform(model.transform(X))
    if not scipy.sparse.issparse(X):
        return -float(((R - X) ** 2).sum(axis=1, dtype=np.float64).mean())
    counts = X.tocoo()
    shares = np.maximum(R[counts.row, counts.col].astype(np.float64), SMALLEST_SHARE)
    return float(counts.data @ np.log(shares) / max(counts.data.sum(dtype=np.float64), 1))


class Split:
    """One fixed split of a sample of the items, for scikit-learn's `cv`."""

    def split(self, X: Any, y: None = None, groups: None = None) -> Iterator[tuple[Any, Any]]:
        """Yield the indices of items to fit on and of those held out."""
        items = min(ITEMS, X.shape[0])
        held_out = max(1, int(HELD_OUT * items))
        seed = whole_number(0, "tuning")
        splitter = ShuffleSplit(
            1, train_size=items - held_out, test_size=held_out, random_state=seed
        )
        yield from splitter.split(X)

    def get_n_splits(self, X: Any = None, y: None = None, groups: None = None) -> int:
        """Return 1."""
        return 1
