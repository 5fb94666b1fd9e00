"""How metrics are shown."""

import pytest

from aebench.report import names


@pytest.mark.parametrize(
    ("metric", "words", "better"),
    [
        ("squared_error", "squared error", "lower"),
        ("squared_error_gaussian_0.1", "squared error gaussian 0.1", "lower"),
        ("entropy_at_3_bits", "entropy at 3 bits", "neither"),
        ("logistic_accuracy_of_layer_2", "logistic regression accuracy of layer 2", "higher"),
        ("svm_accuracy_permuted_labels", "linear SVM accuracy permuted labels", "neither"),
        ("precision_at_recall_0.5", "precision at recall 0.5", "higher"),
        ("recall_at_7", "recall at 7", "higher"),
        ("hamming_share_at_radius_2", "share of the database looked up at radius 2", "lower"),
        ("mean_activation", "mean activation of a unit", "neither"),
        ("my_own", "my own", "neither"),
    ],
)
def test_words_and_direction(metric, words, better):
    found = names.metric(metric, "images")
    assert (found.words, found.better) == (words, better)


def test_directions_leave_out_what_has_none():
    found = names.directions(
        ["squared_error", "ndcg", "jacobian_norm", "knn_accuracy_permuted_labels"]
    )
    assert found == {"squared_error": "lower", "ndcg": "higher"}


def test_errors_of_documents_have_more_decimals():
    for metric in ("squared_error", "squared_error_at_1_bits"):
        assert names.metric(metric, "documents").decimals > names.metric(metric, "images").decimals


@pytest.mark.parametrize("kind", ["images", "documents"])
def test_tables_show_known_metrics_once(kind):
    shown = names.table_metrics(kind)
    for metrics in names.more_metrics(kind).values():
        shown += metrics
    assert len(set(shown)) == len(shown)
    families = tuple(names._BEGINNINGS)
    assert [m for m in shown if m not in names._METRICS and not m.startswith(families)] == []
