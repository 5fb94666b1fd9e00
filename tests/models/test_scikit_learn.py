"""The estimators keep scikit-learn's contract: its own checks."""

from sklearn.decomposition import TruncatedSVD
from sklearn.utils.estimator_checks import parametrize_with_checks

from aebench.models import AutoEncoder, Mean, RandomProjection, WordCounts

SMALL = {"code_size": 1, "hidden": (4,), "epochs": 2, "batch_size": 20, "device": "cpu"}


@parametrize_with_checks(
    [
        AutoEncoder(**SMALL, random_state=0),
        AutoEncoder(**SMALL, random_state=0, loss="multinomial", weighting="log"),
        AutoEncoder(**SMALL, random_state=0, optimizer="conjugate_gradients"),
        Mean(code_size=1),
        RandomProjection(code_size=1, random_state=0),
        WordCounts(TruncatedSVD(n_components=1, random_state=0), "log"),
        WordCounts(TruncatedSVD(n_components=1, random_state=0), "tfidf"),
        WordCounts(RandomProjection(code_size=1, random_state=0), "share"),
    ]
)
def test_scikit_learns_own_check(estimator, check):
    check(estimator)
