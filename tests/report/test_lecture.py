"""The lecture notes: every statement with its numbers, its verdict and tests that exist."""

import ast
import html
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from aebench import statistics
from aebench.report import evidence, figures, lecture, names
from aebench.report.evidence import Against, Measured
from aebench.report.figures import intervals, lecture_undercomplete
from aebench.report.lecture_texts import TEXTS
from aebench.report.results import read
from aebench.stages import aggregate

from .conftest import ROLES, write_results

ROOT = Path(__file__).parents[2]
NAMES = [text.name for text in TEXTS]
MADE_UP = {"subspace", "sparsity", "denoising", "contraction", "compression", "bottleneck"}


def toys(seeds=3, shift=0.0):
    """Arrays as the toys stage writes them, with made-up numbers of which all statements hold."""
    random = np.random.default_rng(0)

    def around(*values):
        values = np.array(values if len(values) > 1 else values[0], dtype=float)
        return values + 1e-3 * random.normal(size=(seeds, *values.shape)) + shift

    sizes = np.array([2, 5, 50])
    kl = np.linspace(0.01, 0.99, 99)
    gradient = -0.1 / kl + 0.9 / (1 - kl)
    return {
        "seeds": np.arange(seeds),
        "denoiser_points": random.normal(size=(50, 2)),
        "denoiser_grid": random.normal(size=(30, 2)),
        "denoiser_field": random.normal(size=(30, 2)),
        "plain_field": random.normal(size=(30, 2)),
        "denoiser_cosine": around(0.9),
        "plain_cosine": around(0.1),
        "compression_sizes": sizes,
        "compression_floor": 1 - sizes / 100,
        "compression_random_pca": around(0.98, 0.95, 0.5),
        "compression_random_autoencoder": around(0.99, 0.97, 0.6),
        "compression_structured_pca": around(0.7, 0.5, 0.1),
        "compression_structured_autoencoder": around(0.6, 0.2, 0.05),
        "bottleneck_linear": around(0.5),
        "linear_epochs": np.arange(4),
        "linear_angle": np.abs(around(80, 30, 5, 0.2)),
        "linear_axes": around(40),
        "linear_axes_pca": around(2),
        "kl_rho": np.array(0.1),
        "kl_rho_hat": kl,
        "kl_value_formula": gradient,
        "kl_value_autograd": gradient,
        "kl_gradient_formula": gradient,
        "kl_gradient_autograd": gradient,
        "sparsity_rho": np.array([0.05, 0.1]),
        "sparsity_kl_weights": np.array([1.0, 10.0]),
        "sparsity_kl": around([0.1, 0.2], [0.05, 0.1]),
        "sparsity_l1_weights": np.array([0.0, 0.1]),
        "sparsity_l1": around(2.0, 0.5),
        "contractive_formula": np.full(seeds, 9.0),
        "contractive_autograd": np.full(seeds, 9.0),
        "contraction_weights": np.array([0.0, 1.0]),
        "contraction_norm": around(9.0, 3.0),
        "contraction_left": around(0.1, 0.2),
    }


MORE_ROLES = ROLES | dict.fromkeys(
    ("overcomplete", "contractive", "stacked", "linear"), "autoencoder"
)


@pytest.fixture
def folder(tmp_path):
    """Results of made-up numbers with everything that the statements ask for."""
    images = ("mean", "pca", "linear", "stacked", "deep")
    folder = write_results(tmp_path / "results", images=images, documents=(), seeds=(0, 1, 2))
    facts = folder / "mnist" / "data.json"
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"n_features": 64}))
    metrics = pd.read_csv(folder / "metrics.csv")
    rows = [
        ("mnist", variant, size, seed, "test", metric, value * (1 + 0.001 * seed))
        for variant, size, values in (
            ("mean", 5, {"squared_error_unseen": 40.0}),
            ("deep", 5, {"squared_error_unseen": 35.0, "outlier_auroc": 0.9}),
            ("pca", 5, {"squared_error_unseen": 30.0}),
            ("overcomplete", 100, own(1.0, 0.5, 0.7, 10.0)),
            ("contractive", 100, own(3.0, 20.0, 0.9, 4.0)),
        )
        for seed in (0, 1, 2)
        for metric, value in values.items()
    ]
    metrics = pd.concat([metrics, pd.DataFrame(rows, columns=statistics.METRIC_COLUMNS)])
    write_tables(metrics, folder)
    np.savez(folder / "toys.npz", **toys())
    return folder


def own(error, other, accuracy, jacobian):
    return {
        "squared_error": error,
        "squared_error_unseen": other,
        "logistic_accuracy": accuracy,
        "jacobian_norm": jacobian,
    }


def write_tables(metrics, folder):
    for name, table in aggregate.describe(metrics, MORE_ROLES).items():
        statistics.write_csv(table, folder / f"{name}.csv")


JACOBIAN = "metric == 'jacobian_norm'"


def keep(folder, which):
    """Keep only some rows of the results."""
    write_tables(pd.read_csv(folder / "metrics.csv").query(which), folder)


def spread(folder, which):
    """Let seeds differ by so much that no difference between variants is shown."""
    metrics = pd.read_csv(folder / "metrics.csv")
    rows = metrics.eval(which)
    factors = metrics["seed"].map({0: 0.01, 1: 1.0, 2: 30.0})
    metrics.loc[rows, "value"] *= factors[rows] * (1 + 0.1 * (metrics["variant"] == "deep"))[rows]
    write_tables(metrics, folder)


def found(folder):
    return read(folder, MORE_ROLES, {"images": [5, 2]})


def words(page):
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    return html.unescape(re.sub(r"<[^>]+>", " ", text))


# --------------------------------------------------------------------- texts


@pytest.mark.parametrize("test", [test for text in TEXTS for test in text.tests])
def test_every_guarding_test_exists(test):
    path, name = test.split("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_statement_has_a_finding_a_figure_and_a_guard():
    assert list(lecture.FINDINGS) == NAMES
    assert len(set(NAMES)) == 10
    for text in TEXTS:
        assert text.figure in names.OVERALL
        assert text.tests
    assert {text.figure for text in TEXTS} == set(names.OVERALL[1:])


@pytest.mark.parametrize("text", TEXTS, ids=NAMES)
def test_the_code_runs(text, capsys):
    """What needs the real data is only compiled."""
    compiled = compile(text.code, text.name, "exec")
    if "prepare(" in text.code:
        return
    exec(compiled, {"np": np})
    assert re.search(r"\d", capsys.readouterr().out)


# ------------------------------------------------------------------ verdicts


@pytest.mark.parametrize("name", sorted(MADE_UP - {"contraction"}))
def test_statements_of_made_up_data_hold_where_the_numbers_do(folder, name):
    assert lecture.FINDINGS[name](found(folder)).verdict == lecture.HOLDS


@pytest.mark.parametrize(
    ("name", "array", "change", "verdict"),
    [
        ("subspace", "linear_angle", lambda a: a + 20, lecture.PARTLY),
        ("subspace", "linear_axes", lambda a: a - 39, lecture.PARTLY),
        ("sparsity", "sparsity_kl", lambda a: 2 * a, lecture.PARTLY),
        ("sparsity", "kl_gradient_autograd", lambda a: a + 1, lecture.PARTLY),
        ("denoising", "denoiser_cosine", lambda a: a - 0.85, lecture.FAILS),
        ("denoising", "plain_cosine", lambda a: a + 0.9, lecture.PARTLY),
        ("contraction", "contraction_norm", lambda a: a[:, ::-1], lecture.PARTLY),
        ("compression", "compression_random_autoencoder", lambda a: a - 0.2, lecture.PARTLY),
        ("bottleneck", "bottleneck_linear", lambda a: a - 0.2, lecture.PARTLY),
    ],
)
def test_statements_of_made_up_data_fail_where_the_numbers_do(folder, name, array, change, verdict):
    arrays = toys()
    arrays[array] = change(arrays[array])
    np.savez(folder / "toys.npz", **arrays)
    assert lecture.FINDINGS[name](found(folder)).verdict == verdict


def test_statements_of_real_data_follow_the_numbers(folder):
    results = found(folder)
    assert lecture.undercomplete(results).verdict == lecture.HOLDS
    # what copies reconstructs anything
    assert lecture.unseen(results).verdict == lecture.PARTLY
    # stacked has the larger error in these numbers
    assert lecture.pretraining(results).verdict == lecture.FAILS
    # it copies, and classifies worse than the contractive one
    assert lecture.overcomplete(results).verdict == lecture.HOLDS
    assert lecture.contraction(results).verdict == lecture.HOLDS


def test_what_does_not_copy_has_not_learned_the_identity(folder):
    metrics = pd.read_csv(folder / "metrics.csv")
    rows = metrics.eval("variant == 'overcomplete' and metric == 'squared_error_unseen'")
    metrics.loc[rows, "value"] += 20
    write_tables(metrics, folder)
    finding = lecture.overcomplete(found(folder))
    assert finding.verdict == lecture.PARTLY
    assert "does not copy" in finding.why


def test_no_difference_shown_is_no_verdict():
    measured = Measured(1.0, 0.5, 1.5)

    def judge(*meanings):
        return lecture._judge_comparisons(
            [Against("mnist", 2, "deep", "pca", measured, measured, m) for m in meanings]
        )

    assert judge("even", "") == lecture.OPEN
    assert judge("better", "better") == lecture.HOLDS
    assert judge("better", "even") == judge("better", "worse") == lecture.PARTLY
    assert judge("worse", "even") == lecture.FAILS


REAL = ("undercomplete", "overcomplete", "pretraining", "unseen")


@pytest.mark.parametrize("name", REAL)
def test_one_seed_decides_nothing_about_real_data(folder, name):
    keep(folder, "seed == 0")
    finding = lecture.FINDINGS[name](found(folder))
    assert finding.verdict == lecture.OPEN
    assert re.search("not tested|undecided", finding.why)
    assert "[" not in " ".join(finding.lines)


@pytest.mark.parametrize("name", REAL)
def test_intervals_that_overlap_decide_nothing_about_real_data(folder, name):
    spread(folder, "variant != 'mean'")
    finding = lecture.FINDINGS[name](found(folder))
    assert finding.verdict == lecture.OPEN
    assert re.search("not told apart|undecided", finding.why)


@pytest.mark.parametrize("change", [lambda f: keep(f, "seed == 0"), lambda f: spread(f, JACOBIAN)])
def test_what_is_undecided_on_real_data_leaves_made_up_ones_to_decide(folder, change):
    change(folder)
    finding = lecture.contraction(found(folder))
    assert finding.verdict == lecture.HOLDS
    assert "in 0 of 1 cases (undecided in 1)" in finding.why


def test_what_was_not_measured_is_neither_judged_nor_said(folder):
    whole = (folder / "metrics.csv").read_text()
    keep(folder, "metric != 'squared_error_unseen'")
    finding = lecture.overcomplete(found(folder))
    assert finding.verdict == lecture.HOLDS
    assert "copy" not in finding.why
    (folder / "metrics.csv").write_text(whole)
    keep(folder, "variant != 'contractive'")
    finding = lecture.overcomplete(found(folder))
    assert finding.verdict == lecture.HOLDS
    assert "accuracy" not in finding.why
    keep(folder, "metric != 'squared_error_unseen'")
    assert lecture.overcomplete(found(folder)).verdict == lecture.UNMEASURED


def test_features_that_are_not_told_apart_refute_nothing(folder):
    spread(folder, "metric == 'logistic_accuracy'")
    finding = lecture.overcomplete(found(folder))
    assert finding.verdict == lecture.HOLDS
    assert "not told apart in 1 of 1 comparisons" in finding.why


def test_what_copies_is_counted_among_the_autoencoders_and_named(folder):
    why = lecture.unseen(found(folder)).why
    assert re.search(r"in \d of \d cases, of the best autoencoders and of overcomplete", why)
    keep(folder, "variant != 'overcomplete'")
    assert "overcomplete" not in lecture.unseen(found(folder)).why


# -------------------------------------------------------------------- numbers


def test_intervals_are_those_of_the_arrays_and_of_the_tables(folder):
    results = found(folder)
    cosines = toys()["denoiser_cosine"]
    mean, low, high = statistics.interval(cosines)
    assert f"{mean:.2f} [{low:.2f}, {high:.2f}]" in lecture.denoising(results).lines[0]
    row = results.row("mnist", "deep", 5, "squared_error")
    said = f"deep {row['mean']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
    assert any(said in line for line in lecture.undercomplete(results).lines)


def test_shares_are_of_the_mean_image(folder):
    (deep, *_) = [row for row in evidence.unseen(found(folder), "mnist") if row.variant == "deep"]
    assert deep.other.mean == pytest.approx(35 / 40)
    results = found(folder)
    errors = [results.row("mnist", v, 5, "squared_error")["mean"] for v in ("deep", "mean")]
    assert deep.own.mean == pytest.approx(errors[0] / errors[1])


def test_intervals_end_where_the_metric_does(folder):
    metrics = pd.read_csv(folder / "metrics.csv")
    rows = metrics.eval("variant == 'deep' and metric == 'outlier_auroc'")
    metrics.loc[rows, "value"] = [0.9, 1.0, 1.0]
    write_tables(metrics, folder)
    measured = evidence.case(found(folder), "mnist", "deep", 5, "outlier_auroc")
    assert measured.high == 1
    assert measured.low < 0.9


def test_what_is_below_another_has_its_whole_interval_there():
    low, high = Measured(1.0, 0.5, 1.5), Measured(2.0, 1.6, 2.4)
    assert low.below(high) is True
    assert high.below(low) is False
    assert low.below(Measured(2.0, 1.4, 2.6)) is None
    assert low.below(Measured(2.0, np.nan, np.nan)) is None
    assert Measured(2.0, np.nan, np.nan).below(low) is None
    assert low.below(evidence.exactly(1.6)) is True


def test_numbers_without_an_interval_stand_alone():
    assert Measured(0.5, np.nan, np.nan).text() == "0.50"
    assert Measured(0.5, 0.5, 0.5).text() == "0.50"
    assert Measured(-0.5, -1.0, 0.0).text(1) == "\u22120.5 [\u22121.0, 0.0]"


# ----------------------------------------------------------------------- page


def test_the_page_has_every_statement_with_its_numbers(rendered):
    page = (rendered[1] / "lecture.html").read_text(encoding="utf-8")
    results = read(rendered[0], ROLES)
    text = words(page)
    for statement in TEXTS:
        assert statement.title in text
        assert statement.source in text
        assert f'id="{statement.name}"' in page
        finding = lecture.FINDINGS[statement.name](results)
        assert finding.verdict in text
        for line in [finding.why, *finding.lines, *statement.tests]:
            assert " ".join(line.split()) in " ".join(text.split())
    assert page.count("<math") == 6
    assert 'href="index.html"' in page
    assert 'href="lecture.html"' in (rendered[1] / "index.html").read_text(encoding="utf-8")


def test_without_its_variants_a_statement_is_not_measured(rendered):
    """The small report has neither made-up data nor codes larger than the input."""
    results = read(rendered[0], ROLES)
    verdicts = {name: lecture.FINDINGS[name](results).verdict for name in NAMES}
    assert {name for name, v in verdicts.items() if v == lecture.UNMEASURED} == (
        MADE_UP | {"overcomplete", "pretraining", "unseen"}
    )
    assert "Not measured: overcomplete was not run." in words(
        (rendered[1] / "lecture.html").read_text(encoding="utf-8")
    )


def test_the_page_loads_nothing(rendered):
    page = (rendered[1] / "lecture.html").read_text(encoding="utf-8")
    assert all(found.startswith("data:") for found in re.findall(r'\bsrc="([^"]*)', page))
    assert "@import" not in page
    assert "url(" not in page


def test_names_are_escaped_and_equal_results_give_equal_bytes(folder, rendered, tmp_path):
    evil = "<script>evil"
    for table in ("metrics", "audit", "tests", "ranks"):
        path = folder / f"{table}.csv"
        path.write_text(path.read_text().replace("contractive", evil).replace("mnist", "<b>"))
    (folder / "mnist").rename(folder / "<b>")
    shutil.copytree(rendered[1] / "figures", tmp_path / "figures")
    written = []
    for _ in range(2):
        lecture.write(
            read(folder, MORE_ROLES | {evil: "autoencoder"}, {"images": [5]}), tmp_path, evil
        )
        written.append((tmp_path / "lecture.html").read_bytes())
    assert written[0] == written[1]
    page = written[0].decode("utf-8")
    assert evil not in page
    assert "<b>" not in page
    assert "&lt;script&gt;evil" in page
    assert "&lt;b&gt;" in page


# -------------------------------------------------------------------- figures


def texts(figure):
    return " | ".join(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")))


@pytest.mark.parametrize("name", names.OVERALL[1:])
def test_figures_show_what_there_is_and_say_what_is_missing(folder, name):
    assert "Nothing to show" not in texts(figures.draw_overall(name, found(folder)))
    (folder / "toys.npz").unlink()
    metrics = pd.read_csv(folder / "metrics.csv")
    write_tables(metrics[metrics["variant"] == "deep"], folder)
    assert "Nothing to show" in texts(figures.draw_overall(name, found(folder)))


def bars(ax):
    """Both ends of every error bar, by position along the axis of the values."""
    along = 0 if any(np.ptp(s[:, 0]) for c in ax.collections for s in c.get_segments()) else 1
    return [tuple(s[:, along]) for c in ax.collections for s in c.get_segments()]


def test_bars_end_where_their_intervals_do():
    ax = Figure().subplots()
    cut, none = Measured(0.9, 0.5, 1.0), Measured(0.7, np.nan, np.nan)
    intervals.dots(ax, [intervals.Row("cut", cut, "k"), intervals.Row("one seed", none, "k")])
    np.testing.assert_allclose(bars(ax), [(0.5, 1.0), (0.7, 0.7)])


def test_a_bar_that_is_cut_below_keeps_its_upper_end():
    ax = Figure().subplots()
    wide, narrow = Measured(1.0, 0.0, 3.0), Measured(2.0, 1.5, 2.5)
    lecture_undercomplete._panel(ax, [Against("mnist", 2, "deep", "pca", wide, narrow, "even")])
    np.testing.assert_allclose(bars(ax), [(0.01, 3.0), (1.5, 2.5)])


def test_figures_have_the_numbers_of_the_words(folder):
    results = found(folder)
    cosine = evidence.over_seeds(results.toys["denoiser_cosine"]).text()
    assert cosine in texts(figures.draw_overall("vector-field", results))
    assert cosine in lecture.denoising(results).lines[0]
    left = evidence.bottleneck(results).left["deep autoencoder"].mean
    assert f"{left:.3f}" in texts(figures.draw_overall("lecture-bottleneck", results))
