"""Figures of what models make of chosen images."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from aebench.report import figures
from aebench.report.figures import strips
from aebench.report.names import EXHIBITS
from aebench.report.results import read

from .conftest import ROLES, SIDE

BOTH = {"autoencoder": 1, "baseline": 1}


@pytest.fixture
def results(rendered):
    return read(rendered[0], ROLES)


def nobody(_):
    return False


def texts(figure):
    return [t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text"))]


def shown(ax):
    return np.asarray(ax.get_images()[0].get_array())


def with_means(results, means):
    """Results in which these variants have these means of a metric, at every code size."""
    rows = results.summary[results.summary["metric"] == "squared_error"]
    for (metric, variant), mean in means.items():
        chosen = rows[(rows["dataset"] == "mnist") & (rows["variant"] == variant)]
        results.summary = pd.concat([results.summary, chosen.assign(metric=metric, mean=mean)])
    return results


@pytest.mark.parametrize("name", EXHIBITS)
def test_without_exhibits_the_figure_says_so(results, monkeypatch, name):
    monkeypatch.setattr(results, "exhibits", lambda dataset: {})
    (words,) = [text for text in texts(figures.draw(name, results, "mnist")) if text]
    assert words.startswith("Nothing to show: no variant has kept a model")


@pytest.mark.parametrize("name", EXHIBITS)
def test_every_model_has_a_row_whose_image_is_its_own(results, name):
    figure = figures.draw(name, results, "mnist")
    rows = {ax.texts[0].get_text(): shown(ax) for ax in figure.axes if ax.texts}
    variants = {"pca", "deep", "deep-rbm"} | ({"mean"} if "mean" in rows else set())
    assert variants <= rows.keys()
    images = [rows[variant].tobytes() for variant in sorted(variants)]
    assert len(set(images)) == len(images)


def test_the_variants_shown_are_pca_the_best_of_each_role_and_those_with_a_point(results):
    def of(most, point=nobody):
        return strips.exhibitors(results, "mnist", "clean", most, point)

    assert of({}) == []  # no estimator of these results is PCA
    for run in results.runs("mnist", "pca"):
        run.facts["estimator"] = "PCA"
    assert of({}) == ["pca"]
    assert of({"autoencoder": 1}) == ["deep-rbm", "pca"]  # best first
    assert of(BOTH) == ["deep-rbm", "pca"]  # no other baseline
    assert of({"autoencoder": 5, "control": 1}) == ["deep-rbm", "deep", "pca", "mean"]
    for run in results.runs("mnist", "deep"):
        run.facts["parameters"] = {"code": "gaussian"}
    assert of({}, lambda parameters: parameters.get("code") == "gaussian") == ["deep", "pca"]
    for run in results.runs("mnist", "pca"):
        run.facts["parameters"] = {"clip": [0, 1]}
    assert of({}) == []


def test_of_variants_that_show_the_very_same_one_is_kept(results):
    exhibits = results.exhibits("mnist")
    exhibits["deep/clean"] = exhibits["deep-rbm/clean"]
    found = strips.exhibitors(results, "mnist", "clean", {"autoencoder": 2}, nobody)
    assert found == ["deep-rbm"]


def test_another_code_size_is_said_and_is_not_among_the_best(results):
    results.exhibits("mnist")["deep/code_size"] = np.asarray(2)
    assert strips.labelled(results, "mnist", "deep") == "deep (2)"
    assert strips.labelled(results, "mnist", "pca") == "pca"
    found = strips.exhibitors(results, "mnist", "clean", {"autoencoder": 2}, nobody)
    assert found == ["deep-rbm"]


def test_denoising_is_ordered_by_the_error_from_clean_images(results):
    metric = "squared_error_gaussian_0.3"
    means = {(metric, "pca"): 3.25, (metric, "deep"): 1.5, (metric, "mean"): 7.75}
    exhibits = results.exhibits("mnist")
    exhibits["mean/noisy"] = exhibits["noisy"]  # a control that returns what it is given
    figure = figures.draw("denoising", with_means(results, means), "mnist")
    names = [ax.texts[0].get_text() for ax in figure.axes]
    assert names == ["original", "input", "deep", "pca", "deep-rbm"]
    numbers = [ax.texts[1].get_text() for ax in figure.axes]
    assert numbers == ["", "7.75", "1.50", "3.25", ""]


def test_inpainting_shows_two_kinds_of_missing_pixels(results):
    exhibits = results.exhibits("mnist")
    exhibits["halved"] = exhibits["clean"] // 2
    figure = figures.draw("inpainting", results, "mnist")
    assert {"missing at random", "the lower half missing"} <= set(texts(figure))
    (row,) = [shown(ax) for ax in figure.axes if ax.texts[0].get_text() == "input"]
    left, right = row[:, :SIDE], row[:, -SIDE:]
    clean = exhibits["clean"].reshape(-1, SIDE, SIDE)
    np.testing.assert_allclose(left, 1 - clean[0] / 255)  # ink on paper
    np.testing.assert_allclose(right, 1 - clean[4] // 2 / 255)


def test_filters_are_scaled_one_by_one_and_absent_ones_are_left_empty():
    images = np.zeros((2, 3, 3))
    images[0, 1, 1], images[1, 0, 0], images[1, 2, 2] = -4, 0.5, 0.25
    ax = Figure().subplots()
    strips.signed_strip(ax, images, 3)
    found = shown(ax)
    assert found.shape == (3, 3 * 3 + 2)
    assert found[1, 1] == -1
    assert (found[0, 4], found[2, 6]) == (1, 0.5)
    empty = ax.get_images()[0].get_array().mask  # type: ignore[union-attr]
    assert empty[:, [3, 7, 8, 9, 10]].all()
    assert empty.sum() == 5 * 3


def test_steps_stand_above_the_images_they_moved(results):
    figure = figures.draw("perturbed", results, "mnist")
    steps = [a for a in figure.axes[0].texts if a.get_text() in ("\u22121", "0", "+1")]
    assert [a.get_text() for a in steps] == ["\u22121", "0", "+1"] * 2
    moved = results.exhibits("mnist")["deep-rbm/perturbed"].reshape(6, SIDE, SIDE) / 255
    first = shown(figure.axes[0])
    for step, image in zip(steps, moved, strict=True):
        start = round(step.xy[0] - (SIDE - 1) / 2)  # type: ignore[attr-defined]
        np.testing.assert_allclose(first[:, start : start + SIDE], 1 - image)  # ink on paper


def test_a_code_of_one_unit_has_no_next(results):
    exhibits = results.exhibits("mnist")
    for variant in ("pca", "deep", "deep-rbm"):
        exhibits[f"{variant}/perturbed"] = exhibits[f"{variant}/perturbed"][:1]
    figure = figures.draw("perturbed", results, "mnist")
    assert (shown(figure.axes[0])[:, -3 * SIDE :] == 1).all()


def test_walks_begin_through_pixels(results):
    figure = figures.draw("walks", results, "mnist")
    assert figure.axes[0].texts[0].get_text() == "pixels"
    walks = results.exhibits("mnist")["walks"].reshape(2, 3, SIDE, SIDE) / 255
    row = shown(figure.axes[0])
    np.testing.assert_allclose(row[:, :SIDE], 1 - walks[0, 0])
    np.testing.assert_allclose(row[:, -SIDE:], 1 - walks[1, -1])


def test_reconstructions_show_the_first_item_of_each_class_alone(results):
    figure = figures.draw("reconstructions", results, "mnist")
    row = shown(figure.axes[0])
    assert row.shape[1] == 3 * SIDE + 2
    test = results.items("mnist").test.reshape(-1, SIDE, SIDE)
    for number in range(3):
        start = number * (SIDE + 1)
        np.testing.assert_allclose(row[:, start : start + SIDE], 1 - test[number])
