import subprocess
import sys

import numpy as np
import pytest

from aebench.metrics import Limits, samples, score_run
from aebench.metrics.contract import Run
from aebench.metrics.retrieval import retrieval_scores

from .conftest import make_dataset, make_run

NO_LIMITS = Limits()

COMMON = {
    "squared_error",
    "cross_entropy",
    "explained_variance",
    "precision_at_1",
    "precision_at_3",
    "precision_at_7",
    "precision_at_15",
    "precision_at_31",
    "recall_at_15",
    "ndcg_at_15",
    "ndcg",
    "r_precision",
    *(f"precision_at_recall_{i / 10}" for i in range(11)),
    "mean_average_precision",
    "mean_average_precision_permuted_labels",
}
STRUCTURE = {
    "trustworthiness",
    "continuity",
    "local_intrinsic_dimension",
    "mean_activation",
    "code_sparsity",
    "dead_units",
}
COMMON |= STRUCTURE
PROBES = {f"{probe}_accuracy" for probe in ("logistic", "svm", "knn")}
CURVE = {"logistic_accuracy_at_10_labels", "logistic_accuracy_at_100_labels"}  # of 120 items
CLASSES = PROBES | {f"{probe}_permuted_labels" for probe in PROBES} | CURVE
WORDS = {"cross_entropy_per_word", "perplexity"}


def scores_of(dataset, codes, R, limits=NO_LIMITS):
    return score_run(dataset, Run(codes["train"], codes["test"], R), limits).scores


@pytest.mark.parametrize(
    ("kind", "names"), [("images", COMMON | CLASSES), ("documents", COMMON | CLASSES | WORDS)]
)
def test_names_and_values(kind, names):
    dataset = make_dataset(kind)
    codes, R = make_run(dataset)
    scores = scores_of(dataset, codes, R)
    assert set(scores) == names
    assert all(type(value) is float and np.isfinite(value) for value in scores.values())
    assert scores == scores_of(dataset, codes, R)


def test_several_topics_have_no_classification(documents):
    eye = np.eye(4, dtype=np.uint8)
    documents.train_labels, documents.test_labels = (
        eye[documents.train_labels],
        eye[documents.test_labels],
    )
    codes, R = make_run(documents)
    assert set(scores_of(documents, codes, R)) == COMMON | WORDS


def test_classes_that_train_has_not_cannot_be_learned(images):
    codes, R = make_run(images)
    images.train_labels = images.train_labels + 4
    scores = scores_of(images, codes, R)
    assert set(scores) == COMMON
    assert scores["mean_average_precision"] > 0
    images.train_labels[0] = 0  # one class in common is enough
    assert set(scores_of(images, codes, R)) == COMMON | CLASSES


def test_known_factors_are_looked_for_in_the_code(images):
    codes, R = make_run(images)
    images.train_factors, images.test_factors = codes["train"] @ [[2.0], [1.0]], None
    assert "factor_recovery" not in scores_of(images, codes, R)
    images.test_factors = codes["test"] @ [[2.0], [1.0]]
    scores = scores_of(images, codes, R)
    assert set(scores) == COMMON | CLASSES | {"factor_recovery"}
    assert scores["factor_recovery"] == pytest.approx(1, abs=1e-5)


def test_variance_is_explained_beyond_the_mean_of_train(images):
    images.test = images.test / 2
    codes, R = make_run(images)
    R[:] = images.train.mean(axis=0, dtype=np.float64)
    assert scores_of(images, codes, R)["explained_variance"] == 0


def test_queries_limit_is_passed_on(images):
    codes, R = make_run(images)
    few = scores_of(images, codes, R, Limits(queries=3))
    every = scores_of(images, codes, R)
    assert few["mean_average_precision"] != every["mean_average_precision"]
    assert few["knn_accuracy"] == every["knn_accuracy"]


def test_the_database_may_be_the_training_items(images):
    codes, R = make_run(images)
    run = Run(codes["train"], codes["test"], R)
    found = score_run(images, run, database="train")
    expected = retrieval_scores(
        codes["test"], images.test_labels, database=(codes["train"], images.train_labels)
    )
    assert found.scores.items() >= expected.scores.items()
    other = score_run(images, run).scores["mean_average_precision"]
    assert found.scores["mean_average_precision"] != other


def test_samples_are_forty_items_in_rounds_over_the_classes(images):
    _, R = make_run(images)
    chosen = samples(images, R)
    assert len(chosen["indices"]) == 40
    assert list(images.test_labels[chosen["indices"]]) == 10 * [0, 1, 2, 3]
    firsts = [list(images.test_labels).index(c) for c in range(4)]
    assert list(chosen["indices"][:4]) == firsts
    assert chosen["indices"].dtype == np.int64
    np.testing.assert_array_equal(chosen["reconstructions"], R[chosen["indices"]])
    assert chosen["reconstructions"].dtype == np.float32


def test_documents_have_no_samples(documents):
    assert samples(documents, make_run(documents)[1]) == {}


def test_import_is_cheap():
    code = (
        "import sys, aebench.metrics, aebench.metrics.retrieval;"
        "print({'torch', 'sklearn', 'pandas', 'aebench.datasets'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
