"""Figures of what was measured: rate and distortion, time, labels, sparsity."""

import json

import numpy as np
import pandas as pd
import pytest

from aebench import statistics
from aebench.report import figures
from aebench.report.figures import pareto, rate_distortion, sparsity
from aebench.report.figures.rate_distortion import Point
from aebench.report.figures.shared import front
from aebench.report.results import read

from .conftest import ROLES, write_results
from .test_figures import texts

NEW = ("rate-distortion", "pareto", "label-efficiency", "sparsity")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results that have errors of quantised codes and accuracies from few labels, too."""
    folder = write_results(tmp_path_factory.mktemp("measured") / "results")
    metrics = pd.read_csv(folder / "metrics.csv")
    more = [metrics]
    for bits in (1, 2, 8):
        for error in ("squared_error", "perplexity"):
            rows = metrics[metrics["metric"] == error]
            worse = rows["value"] * (1 + 1 / bits)
            more.append(rows.assign(metric=f"{error}_at_{bits}_bits", value=worse))
        rate = rows.assign(metric=f"entropy_at_{bits}_bits", value=rows["code_size"] * bits * 0.9)
        more += [rate, rate.assign(dataset="mnist", variant="pca"), rate.assign(dataset="mnist")]
    accuracy = metrics[metrics["metric"] == "logistic_accuracy"]
    for labels in (10, 100):
        name = f"logistic_accuracy_at_{labels}_labels"
        more.append(accuracy.assign(metric=name, value=accuracy["value"] / 2))
    keys = statistics.METRIC_COLUMNS[:-1]
    statistics.write_csv(pd.concat(more).drop_duplicates(keys), folder / "metrics.csv")
    return folder


@pytest.mark.parametrize("dataset", ["mnist", "20newsgroups"])
@pytest.mark.parametrize("name", NEW)
def test_every_leading_variant_is_shown(folder, name, dataset):
    found = texts(figures.draw(name, read(folder, ROLES), dataset))
    assert "Nothing to show" not in found
    for variant in ("deep", "pca" if dataset == "mnist" else "lsa-tfidf"):
        assert variant in found


@pytest.mark.parametrize("name", NEW)
def test_what_was_not_measured_is_said(tmp_path, name):
    results = write_results(tmp_path / "results", images=("pca", "deep"), documents=(), sizes=(2,))
    for file in [*results.rglob("codes.npz"), *results.rglob("run.json")]:
        file.unlink()
    assert "Nothing to show: no" in texts(figures.draw(name, read(results, ROLES), "mnist"))


def test_rates_are_bits_an_item_of_all_code_sizes(folder):
    found = rate_distortion.points(read(folder, ROLES), "mnist", "deep")
    assert [point.rate for point in found] == pytest.approx([1.8, 3.6, 14.4, 4.5, 9, 36])
    assert found[0].error == pytest.approx(2 * read(folder, ROLES).row(*CASE)["mean"])


CASE = ("mnist", "deep", 2, "squared_error")


def test_a_curve_joins_what_is_best_at_its_rate():
    rates_and_errors = [(1, 9), (8, 3), (2, 5), (4, 6), (4, 5), (16, 3)]
    found = front([Point(r, e, e, e) for r, e in rates_and_errors])
    assert [(point.rate, point.error) for point in found] == [(1, 9), (2, 5), (8, 3)]


def test_the_best_are_those_at_few_bits(folder):
    results = read(folder, ROLES | {f"deep-{n}": "autoencoder" for n in range(9)})
    curves = {f"deep-{n}": [Point(10, 20 - n, 0, 0), Point(99, n, 0, 0)] for n in range(9)}
    curves["pca"] = [Point(50, 1, 1, 1)]
    assert rate_distortion._leading(results, curves, 40) == [f"deep-{n}" for n in (8, 7, 6, 5, 4)]


def test_the_front_has_whom_nobody_beats_in_time_and_error():
    times_and_errors = [(1, 5), (2, 6), (3, 4), (3, 3), (5, 3), (9, 1)]
    found = [pareto.Trained(s, e, f"{s} {e}") for s, e in times_and_errors]
    assert [point.variant for point in front(found[::-1])] == ["1 5", "3 3", "9 1"]


def test_time_is_that_of_training_without_controls(tmp_path):
    folder = write_results(tmp_path / "results", documents=())
    for seed, seconds in ((0, 3.0), (1, 5.0)):
        run = folder / "mnist" / "deep" / "d5" / f"seed-{seed}" / "run.json"
        run.write_text(json.dumps(json.loads(run.read_text()) | {"seconds": seconds}))
    found = {point.variant: point for point in pareto.trained(read(folder, ROLES), "mnist", 5)}
    assert found.keys() == {"pca", "deep", "deep-rbm"}
    assert found["deep"].seconds == 4
    ax = figures.draw("pareto", read(folder, ROLES), "mnist").axes[0]
    named = {text.get_text() for text in ax.texts}
    assert named == {point.variant for point in front(list(found.values()))}


def test_names_on_the_front_lie_inside_and_apart(tmp_path):
    folder = write_results(tmp_path / "results", documents=())
    figure = figures.draw("pareto", read(folder, ROLES), "mnist")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    frame = figure.axes[0].get_window_extent()
    for place, box in enumerate(boxes):
        assert box.x0 > frame.x0
        assert box.y0 > frame.y0
        assert not any(box.overlaps(other) for other in boxes[:place])


def test_accuracy_goes_up_to_all_labels(folder):
    results = read(folder, ROLES)
    figure = figures.draw("label-efficiency", results, "mnist")
    ax = figure.axes[0]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["10", "100", "all"]
    best = max(results.means("mnist", "logistic_accuracy", 5).values())
    ends = [container.lines[0].get_ydata()[-1] for container in ax.containers]
    assert max(ends) == pytest.approx(best)


def test_controls_of_another_code_size_are_beside(tmp_path, folder):
    results = read(folder, ROLES)
    results.summary.loc[results.summary["variant"] == "mean", "code_size"] = 64
    assert "mean" in texts(figures.draw("label-efficiency", results, "mnist"))


def test_near_zero_is_a_share_of_the_largest():
    codes = np.array([[0.0, 0.05, -10.0, 1.0]] * 500, dtype=np.float32)
    shares, near = sparsity.near_zero(codes)
    assert near == 0.5
    assert shares.min() == -1
    assert sparsity.near_zero(np.eye(2000, dtype=np.uint8))[1] == 1 - 1 / 2000  # rare bits


def test_bits_are_called_bits(tmp_path):
    folder = write_results(tmp_path / "results", images=("pca", "deep"), documents=())
    file = folder / "mnist" / "deep" / "d5" / "seed-0" / "codes.npz"
    bits = (np.load(file)["test"] > 0).astype(np.uint8)
    np.savez(file, train=bits, test=bits)
    found = texts(figures.draw("sparsity", read(folder, ROLES), "mnist"))
    assert f"5 bits, {(bits == 0).mean():.0%} are 0" in found
    assert "size 5, near zero" in found
