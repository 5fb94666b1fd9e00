"""PCA and LSA as the variants fit them, against scikit-learn's default solvers."""

from collections.abc import Callable, Iterator
from typing import Any

from aebench import datasets, models
from works.measure import OURS, Row, Scale, race, rows, timed
from works.variants import parameters


def pca(scale: Scale) -> Iterator[Row]:
    """PCA of MNIST at 30."""
    from sklearn.decomposition import PCA

    X = datasets.prepare("mnist", scale.train, scale.test).train
    contestants = {
        OURS: _fit(lambda: models.build("PCA", 30, parameters("pca", "images")), X),
        "scikit-learn PCA, svd_solver='auto'": _fit(lambda: PCA(30), X),
    }
    best = race(contestants, scale)
    size = f"MNIST {X.shape[0]:,} x {X.shape[1]}, 30 components"
    yield from rows("PCA fit", size, "pca (covariance_eigh)", best)


def lsa(scale: Scale) -> Iterator[Row]:
    """Truncated SVD of 20 Newsgroups at 50, for both weightings.

    Ours fits twice: the first fit leaves out a tenth of the documents, which choose the smoothing
    of the reconstruction. The peer fits once and has no reconstruction to smooth.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    X = datasets.prepare("20newsgroups", scale.train, scale.test).train
    weightings: dict[str, Callable[[], Any]] = {
        "lsa-tfidf": TfidfTransformer,
        "lsa-log": lambda: FunctionTransformer(lambda counts: counts.log1p()),
    }
    for variant, weighting in weightings.items():

        def default(weighting: Callable[[], Any] = weighting) -> Any:
            return make_pipeline(weighting(), TruncatedSVD(50, random_state=0))

        def ours(variant: str = variant) -> Any:
            return models.build("TruncatedSVD", 50, parameters(variant, "documents"))

        contestants = {
            OURS: _fit(ours, X),
            "scikit-learn TruncatedSVD, randomized, one fit": _fit(default, X),
        }
        best = race(contestants, scale)
        size = f"20 Newsgroups {X.shape[0]:,} x {X.shape[1]:,}, 50 components"
        yield from rows(f"{variant} fit", size, "arpack, two fits", best)


def _fit(make: Callable[[], Any], X: Any) -> Callable[[], float]:
    return lambda: timed(lambda: make().fit(X))
