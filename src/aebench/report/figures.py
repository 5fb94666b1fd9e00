"""The figures of a data set, one function each: Results in, matplotlib Figure out.

Equal results give equal bytes: no date, fixed ids in SVG, fixed samples. A figure that has nothing
to show says why instead of failing, because the workflow has promised its file.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from aebench.errors import AebenchError
from aebench.files import atomic
from aebench.report import names, palette
from aebench.report.results import Results, Run
from aebench.statistics import Across

STYLE = Path(__file__).with_name("aebench.mplstyle")
WIDTH = 7.6
"""Inches; the page shows a figure at its whole width."""

MOST_IMAGES = 12
MOST_POINTS = 4000
MOST_CLASSES = len(palette.CLASSES)
MOST_OF_A_ROLE = 5
"""Curves of autoencoders, of baselines and of controls in a panel: the best ones."""


def draw(name: str, results: Results, dataset: str) -> Figure:
    """Draw the figure `name` of a data set; names are those of `figure_names`."""
    if name not in FIGURES:
        raise AebenchError(f"unknown figure '{name}'; allowed: {', '.join(FIGURES)}.")
    with matplotlib.style.context(STYLE):
        return FIGURES[name](results, dataset)


def save(figure: Figure, stem: Path) -> None:
    """Write `<stem>.svg` and `<stem>.png`, each whole or not at all."""
    with matplotlib.style.context(STYLE):
        for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None})):
            with atomic(f"{stem}{suffix}") as temporary:
                figure.savefig(temporary, metadata=metadata)
            figure.set_layout_engine("none")  # laid out once: a quarter of the time


# ---------------------------------------------------------------- reconstructions


def reconstructions(results: Results, dataset: str) -> Figure:
    """Test items above their reconstructions by each variant (Hinton & Salakhutdinov 2006, fig. 2).

    The number beside a row is the mean squared error over ALL test items, not of the shown ones.
    """
    size = results.main_code_size(dataset)
    shape = results.facts[dataset].get("image_shape")
    rows = _reconstructed(results, dataset, size)
    if not shape or not rows:
        return _nothing("no reconstructed images to show")
    indices = next(iter(rows.values()))[0]
    chosen = np.unique(np.linspace(0, len(indices) - 1, MOST_IMAGES).round().astype(int))
    originals = np.asarray(results.items(dataset).test[indices[chosen]])
    ink = bool(np.quantile(originals, 0.25) == 0)  # on empty paper, unlike a photograph
    strips = [("original", originals, "")]
    for variant, (_, images) in rows.items():
        row = results.row(dataset, variant, size, "squared_error")
        strips.append((variant, images[chosen], "" if row is None else f"{row['mean']:.2f}"))
    figure, axes = _strips(len(strips), len(chosen), max(len(strip[0]) for strip in strips))
    for ax, (variant, images, error) in zip(axes, strips, strict=True):
        _strip(ax, images.reshape(-1, *shape), ink)
        beside = ax.transAxes
        ax.text(-0.012, 0.5, variant, ha="right", va="center", weight="bold", transform=beside)
        ax.text(1.012, 0.5, error, ha="left", va="center", transform=beside)
    axes[0].text(
        1.012,
        0.5,
        "squared\nerror",
        ha="left",
        va="center",
        transform=axes[0].transAxes,
        fontsize=7.5,
    )
    figure.suptitle(
        f"{names.title(dataset)}: test items and their reconstructions from codes of size {size}",
        x=0.01,
        ha="left",
        fontsize=9.5,
        fontweight="bold",
    )
    return figure


def _strips(count: int, images: int, longest: int) -> tuple[Figure, list[Axes]]:
    """Return a figure of `count` rows with room at the left for a name of `longest` letters."""
    left, right, top = 0.2 + 0.082 * longest, 0.8, 0.4  # inches
    row = (WIDTH - left - right) / images * 1.08
    height = top + count * row
    figure = Figure(figsize=(WIDTH, height), layout="none")  # type: ignore[arg-type]
    figure.subplots_adjust(left / WIDTH, 0.0, 1 - right / WIDTH, 1 - top / height, hspace=0.08)
    return figure, list(figure.subplots(count, 1, squeeze=False)[:, 0])


def _reconstructed(
    results: Results, dataset: str, size: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Positions and reconstructions by variant, of the lowest seed, of those that agree in size."""
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for variant in results.variants(dataset):
        runs = results.runs(dataset, variant, size)
        samples = runs[0].samples() if runs else None
        if samples is not None:
            found[variant] = samples
    if found:
        first = next(iter(found.values()))[0]
        found = {v: s for v, s in found.items() if np.array_equal(s[0], first)}
    return found


def _strip(ax: Axes, images: np.ndarray, ink: bool) -> None:
    """Show images [m, height, width] or [m, height, width, 3] side by side; `ink` is dark."""
    gap = max(1, images.shape[2] // 14)
    padding = [(0, 0), (0, 0), (0, gap)] + [(0, 0)] * (images.ndim - 3)
    wide = np.concatenate(list(np.pad(images, padding, constant_values=1.0)), axis=1)[:, :-gap]
    if wide.ndim == 2 and ink:
        wide = 1 - wide
        wide[:, np.arange(wide.shape[1]) % (images.shape[2] + gap) >= images.shape[2]] = 1.0
    ax.imshow(np.clip(wide, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_axis_off()


# ---------------------------------------------------------------- code maps


def code_maps(results: Results, dataset: str) -> Figure:
    """2-D codes of test items by each variant, coloured by class (2006, fig. 3)."""
    panels = {}
    for variant in results.variants(dataset):
        runs = results.runs(dataset, variant, 2)
        codes = runs[0].codes() if runs else None
        # The mean has one code for everything, and binary codes lie on four points: no map.
        if codes is not None and codes.dtype != np.uint8 and len(np.unique(codes, axis=0)) > 4:
            panels[variant] = codes.astype(np.float64)
    if not panels:
        return _nothing("no variant has a 2-D code to show")
    colours, legend = _class_colours(results, dataset)
    shown = _spread(len(colours), MOST_POINTS)
    columns = min(len(panels), 3 if len(panels) <= 6 else 4)
    rows = -(-len(panels) // columns)
    side = WIDTH / max(columns, 3)
    figure = Figure(figsize=(WIDTH, rows * (side + 0.3) + 0.5))
    figure.get_layout_engine().set(rect=(0, 0, 1, 0.98))  # type: ignore[union-attr, call-arg]
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (variant, codes) in zip(grid, panels.items(), strict=False):
        _map(ax, codes[shown], colours[shown])
        row = results.row(dataset, variant, 2, "knn_accuracy")
        ax.set_title(variant if len(variant) < 24 else f"{variant[:22]}…", pad=15)
        if row is not None:
            words = f"kNN accuracy {row['mean']:.3f}"
            ax.text(0, 1.02, words, transform=ax.transAxes, va="bottom", fontsize=8)
    for ax in grid[len(panels) :]:
        ax.set_axis_off()
    _legend(figure, [_dot(colour, words) for words, colour in legend.items()], most_columns=10)
    return figure


def _map(ax: Axes, codes: np.ndarray, colours: np.ndarray) -> None:
    """Scatter codes [n, 2]; a few far away ones are cut off so that the rest can be seen."""
    low, high = np.quantile(codes, [0.005, 0.995], axis=0)
    pad = 0.04 * np.maximum(high - low, 1e-9)
    x, y = codes.T
    area = float(np.clip(200 / np.sqrt(len(codes)), 3.2, 10))
    ax.scatter(x, y, c=colours, s=area, linewidths=0, alpha=0.75, rasterized=True)
    ax.set_xlim(low[0] - pad[0], high[0] + pad[0])
    ax.set_ylim(low[1] - pad[1], high[1] + pad[1])
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_box_aspect(1)
    for side in ax.spines.values():
        side.set_visible(True)
        side.set_color("#cccccc")


def _class_colours(results: Results, dataset: str) -> tuple[np.ndarray, dict[str, str]]:
    """Colour of every test item, and the legend.

    Up to ten classes have a colour each. More are put together by the first part of their name
    (`rec.autos`: rec) when that gives at most ten groups; otherwise the nine most frequent have
    a colour and the rest share a light grey.
    """
    labels = np.asarray(results.items(dataset).test_labels)
    if labels.ndim == 2:
        labels = _rarest_label(labels)
    classes = results.facts[dataset].get("classes") or []
    words = [str(name) for name in classes] or [str(i) for i in range(int(labels.max()) + 1)]
    groups = words
    if len(words) > MOST_CLASSES:
        groups = [name.split(".")[0] for name in words]
    kinds = list(dict.fromkeys(groups))
    if len(kinds) > MOST_CLASSES:
        counts = np.bincount(labels, minlength=len(words))
        frequent = sorted(np.argsort(-counts, kind="stable")[: MOST_CLASSES - 1])
        kinds = [words[i] for i in frequent]
        groups = [name if name in kinds else "other classes" for name in words]
    legend = dict(zip(kinds, palette.CLASSES, strict=False))
    if set(groups) - set(kinds):
        legend["other classes"] = palette.OTHERS
    return np.array([legend[groups[i]] for i in labels]), legend


def _rarest_label(indicator: np.ndarray) -> np.ndarray:
    """Return the most telling class of each item with several: its rarest."""
    frequency = np.maximum(indicator.sum(axis=0), 1)
    return np.asarray((indicator / frequency).argmax(axis=1))


# ---------------------------------------------------------------- retrieval


def retrieval(results: Results, dataset: str) -> Figure:
    """Precision against the number of retrieved items (2006, fig. 4): the best of each role.

    At the main code size and the next one that autoencoders and baselines share. In the panel of
    the smaller size the baselines at the larger one are dashed, as in 2006: a small code that beats
    a larger one of a baseline shows there.
    """
    precision = results.summary[
        (results.summary["dataset"] == dataset)
        & results.summary["metric"].str.fullmatch(r"precision_at_\d+")
        & results.summary["mean"].notna()
    ].copy()
    if precision.empty:
        return _nothing("no retrieval precision was measured")
    precision["k"] = precision["metric"].str.removeprefix("precision_at_").astype(int)
    sizes = _retrieval_code_sizes(results, dataset)
    leading = {
        size: results.leading(dataset, "mean_average_precision", size, MOST_OF_A_ROLE)
        for size in sizes
    }
    figure = Figure(figsize=(WIDTH, 3.5))
    axes = figure.subplots(1, len(sizes), squeeze=False, sharey=True)[0]
    shown: set[str] = set()
    dashed = False
    for ax, size in zip(axes, sizes, strict=True):
        for variant in results.variants(dataset):
            if variant in leading[size] and _curve(ax, precision, variant, size):
                shown.add(variant)
            if size == sizes[-1] or results.roles[variant] != "baseline":
                continue
            if variant in shown and variant in leading[sizes[-1]]:
                dashed |= _curve(ax, precision, variant, sizes[-1], dashed=True)
        ax.set_title(f"code size {size}")
        ax.set_xscale("log", base=2)
        ticks = sorted(precision["k"].unique())
        ax.xaxis.set_major_locator(FixedLocator(ticks))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(_plain))
        ax.set_xlabel("number of retrieved items k")
    axes[0].set_ylabel("precision at k")
    axes[0].set_ylim(bottom=0)
    handles = [_handle(v) for v in results.variants(dataset) if v in shown]
    if dashed:
        handles.append(
            Line2D([], [], color="#555555", ls="--", label=f"baseline, size {sizes[-1]}")
        )
    _legend(figure, handles)
    return figure


def _retrieval_code_sizes(results: Results, dataset: str) -> list[int]:
    """Return the main code size and, beside it, the one that most of the variants have, too."""
    main = results.main_code_size(dataset)
    others = [size for size in results.compared_code_sizes(dataset) if size != main]
    if not others:
        return [main]
    metric = "mean_average_precision"
    at_main = results.means(dataset, metric, main).keys()
    shared = {size: len(at_main & results.means(dataset, metric, size)) for size in others}
    return sorted([main, max(others, key=lambda size: (shared[size], size))])


def _curve(
    ax: Axes, precision: pd.DataFrame, variant: str, size: int, dashed: bool = False
) -> bool:
    rows = precision[(precision["variant"] == variant) & (precision["code_size"] == size)]
    rows = rows.sort_values("k")
    if rows.empty:
        return False
    colour = palette.colour(variant)
    if dashed:
        ax.plot(rows["k"], rows["mean"], color=colour, ls=(0, (4, 2)), lw=1.1, alpha=0.9)
        return True
    ax.plot(rows["k"], rows["mean"], color=colour, marker=palette.marker(variant), ms=3.8)
    low, high = rows["low"].clip(lower=0), rows["high"].clip(upper=1)
    ax.fill_between(rows["k"], low, high, color=colour, alpha=0.13, lw=0)
    return True


# ---------------------------------------------------------------- code size


def code_size(results: Results, dataset: str) -> Figure:
    """Error, accuracies and mean average precision against code size, with 95% intervals.

    Of the variants that have all the compared code sizes that any has.
    """
    kind = results.kind(dataset)
    candidates = [
        names.error_metric(kind),
        "knn_accuracy",
        "logistic_accuracy",
        "mean_average_precision",
    ]
    chosen = [metric for metric in candidates if results.measured(dataset, metric)]
    if not chosen:
        return _nothing("no metric was measured")
    columns = min(2, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(WIDTH, 0.7 + 2.35 * rows))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    sizes, variants = _of_several_sizes(results, dataset)
    ratio = min([3.0, *(b / a for a, b in itertools.pairwise(sizes))])
    step = ratio ** (0.2 / max(1, len(variants) - 1))
    for ax, metric in zip(grid, chosen, strict=False):
        for place, variant in enumerate(variants):
            # Side by side, so that intervals at one code size do not hide each other.
            shift = step ** (place - (len(variants) - 1) / 2)
            _against_size(ax, results, dataset, variant, metric, shift, sizes)
        _size_axis(ax, sizes)
        shown = names.metric(metric, kind)
        ax.set_title(f"{shown.words} ({'↓' if shown.better == 'lower' else '↑'} is better)")
        if shown.better == "lower":
            _log_axis(ax)
    for ax in grid[len(chosen) :]:
        ax.set_axis_off()
    _legend(figure, [_handle(variant) for variant in variants])
    return figure


def _of_several_sizes(results: Results, dataset: str) -> tuple[list[int], list[str]]:
    """Code sizes and variants for curves: those variants that have the most compared sizes."""
    sizes = results.compared_code_sizes(dataset)
    variants = results.variants(dataset)
    metric = names.error_metric(results.kind(dataset))
    counts = {
        variant: sum(results.row(dataset, variant, size, metric) is not None for size in sizes)
        for variant in variants
    }
    most = max(counts.values())
    kept = [variant for variant in variants if counts[variant] == most]

    def has(size: int) -> bool:
        return any(results.row(dataset, variant, size, metric) is not None for variant in kept)

    return [size for size in sizes if has(size)], kept


def _against_size(
    ax: Axes,
    results: Results,
    dataset: str,
    variant: str,
    metric: str,
    shift: float,
    sizes: Sequence[int],
) -> None:
    rows = [results.row(dataset, variant, size, metric) for size in sizes]
    found = pd.DataFrame([row for row in rows if row is not None])
    if found.empty:
        return
    spread = (found["high"] - found["mean"]).fillna(0.0)
    room = names.metric(metric, results.kind(dataset)).range[1] - found["mean"]
    ax.errorbar(
        found["code_size"] * shift,
        found["mean"],
        yerr=[np.minimum(spread, found["mean"] * 0.999), np.minimum(spread, room)],
        color=palette.colour(variant),
        marker=palette.marker(variant),
        lw=1.2,
        ms=4.5,
        capsize=2,
        elinewidth=0.9,
    )


def _size_axis(ax: Axes, sizes: Sequence[int]) -> None:
    ax.set_xscale("log")
    ax.set_xlim(sizes[0] / 1.35, sizes[-1] * 1.35)
    ax.xaxis.set_major_locator(FixedLocator(list(sizes)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(_plain))
    ax.set_xlabel("code size")


# ---------------------------------------------------------------- training


def training(results: Results, dataset: str) -> Figure:
    """Loss by epoch of the best variants that train, pretraining and fine-tuning apart.

    Losses of different kinds have panels of their own: their values cannot be compared.
    """
    size = results.main_code_size(dataset)
    panels: dict[str, dict[str, list[Run]]] = {}
    error = names.error_metric(results.kind(dataset))
    for variant in results.leading(dataset, error, size, 2 * MOST_OF_A_ROLE):
        for run in results.runs(dataset, variant, size):
            for panel in _training_panels(run):
                panels.setdefault(panel, {}).setdefault(variant, []).append(run)
    if not panels:
        return _nothing("no variant recorded its training")
    ordered = sorted(panels, key=lambda panel: (not panel.startswith("pretraining"), panel))
    columns = min(3, len(ordered))
    rows = -(-len(ordered) // columns)
    figure = Figure(figsize=(WIDTH, 0.7 + 2.6 * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[len(ordered) :]:
        ax.set_axis_off()
    for ax, panel in zip(axes, ordered, strict=False):
        for variant, runs in panels[panel].items():
            _training_curve(ax, variant, [_training_values(run, panel) for run in runs])
        ax.set_title(panel)
        layers = panel.startswith("pretraining")
        ax.set_xlabel("epoch, layers one after another" if layers else "epoch")
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        _log_axis(ax)
    variants = {variant for panel in panels.values() for variant in panel}
    _legend(figure, [_handle(v) for v in results.variants(dataset) if v in variants])
    return figure


_LAYER = re.compile(r"pretraining_(\d+)_(squared_error|loss)")


def _training_panels(run: Run) -> list[str]:
    """Panels that a run has a curve in."""
    pairs = run.history[["metric", "split"]].drop_duplicates()
    return list(dict.fromkeys(_panel_of(run, *pair) for pair in pairs.itertuples(index=False)))


def _panel_of(run: Run, metric: str, split: str) -> str:
    """Return the panel of a row of history; a loss goes by what the run calls its loss."""
    if layer := _LAYER.fullmatch(metric):
        return f"pretraining\n{layer.group(2).replace('_', ' ')} of a layer"
    if metric == "loss":
        metric = f"{run.facts.get('parameters', {}).get('loss') or ''} loss".strip()
    return f"fine-tuning\n{metric.replace('_', ' ')}, {split}"


def _training_values(run: Run, panel: str) -> list[pd.Series]:
    """Values by epoch of a run in a panel: one series, or one a layer, laid end to end."""
    history = run.history.dropna(subset="value")
    if not panel.startswith("pretraining"):
        keys = [
            _panel_of(run, *row) for row in history[["metric", "split"]].itertuples(index=False)
        ]
        return [history[[key == panel for key in keys]].set_index("epoch")["value"]]
    series, offset = [], 0.0
    metrics = [name for name in history["metric"].unique() if _LAYER.fullmatch(name)]
    for name in sorted(metrics, key=lambda name: int(_LAYER.fullmatch(name).group(1))):  # type: ignore[union-attr]
        rows = history[history["metric"] == name]
        series.append(pd.Series(rows["value"].to_numpy(), index=rows["epoch"] + offset))
        offset += rows["epoch"].max()
    return series


def _training_curve(ax: Axes, variant: str, runs: list[list[pd.Series]]) -> None:
    """Mean over seeds, and the range of seeds as a band."""
    colour = palette.colour(variant)
    for parts in zip(*runs, strict=False):
        table = pd.DataFrame(pd.concat(list(parts), axis=1))
        ax.plot(
            table.index,
            table.mean(axis=1),
            color=colour,
            marker=palette.marker(variant),
            markevery=max(1, len(table) // 6),
            ms=4,
        )
        ax.fill_between(
            table.index, table.min(axis=1), table.max(axis=1), color=colour, alpha=0.18, lw=0
        )


# ---------------------------------------------------------------- all data sets


def critical_differences(found: Mapping[str, Across]) -> Figure:
    """Average ranks over data sets, a panel a task (Demsar 2006, fig. 1)."""
    with matplotlib.style.context(STYLE):
        if not found:
            return _nothing("no three variants ran on two data sets")
        most = max(len(ranks.ranks) for ranks in found.values())
        figure = Figure(figsize=(WIDTH, len(found) * (1.15 + 0.12 * most)))
        axes = figure.subplots(len(found), 1, squeeze=False)[:, 0]
        for ax, (task, ranks) in zip(axes, found.items(), strict=True):
            _critical_difference(ax, task, ranks)
        return figure


def _critical_difference(ax: Axes, task: str, found: Across) -> None:
    from scikit_posthocs import critical_difference_diagram

    ax.grid(False)
    ax.set_xlim(0.7, len(found.ranks) + 0.3)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    drawn = critical_difference_diagram(
        found.ranks,
        found.pairs,
        ax=ax,
        label_fmt_left="{label}  {rank:.2f} ",
        label_fmt_right=" {rank:.2f}  {label}",
        label_props={"fontsize": 8},
        elbow_props={"linewidth": 1.2},
        color_palette={variant: palette.colour(variant) for variant in found.ranks.index},
    )
    for (bar,) in drawn["crossbars"]:  # through its variants in the order of a set: draw the ends
        xs, ys = np.asarray(bar.get_xdata()), np.asarray(bar.get_ydata())
        bar.set_data([xs.min(), xs.max()], ys[:2])
    told = "" if found.different() else ", nobody told apart"
    ax.set_title(f"{task}: average rank on {len(found.datasets)} data sets{told}", pad=16)


# ---------------------------------------------------------------- shared


FIGURES: dict[str, Callable[[Results, str], Figure]] = {
    "reconstructions": reconstructions,
    "code-maps": code_maps,
    "retrieval": retrieval,
    "code-size": code_size,
    "training": training,
}


def _nothing(why: str) -> Figure:
    """A figure that says why there is nothing to see."""
    figure = Figure(figsize=(WIDTH, 0.8))
    figure.text(0.5, 0.5, f"Nothing to show: {why}.", ha="center", va="center", color="#555555")
    return figure


def _handle(variant: str) -> Line2D:
    return Line2D(
        [], [], color=palette.colour(variant), marker=palette.marker(variant), label=variant
    )


def _dot(colour: str, words: str) -> Line2D:
    return Line2D([], [], color=colour, marker="o", ls="", ms=5.5, label=words)


def _legend(figure: Figure, handles: Iterable[Line2D], most_columns: int = 4) -> None:
    """Below the panels, where it cannot cover data."""
    handles = list(handles)
    longest = max((len(str(handle.get_label())) for handle in handles), default=1)
    fitting = max(1, int(WIDTH / (0.066 * longest + 0.6)))
    columns = max(1, min(most_columns, fitting, len(handles)))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, handlelength=1.8)


def _spread(n: int, most: int) -> np.ndarray:
    """Positions of at most `most` of n items, a fixed random choice in random order.

    In random order, so that no class lies on top of the others.
    """
    return np.random.default_rng(0).permutation(n)[:most]


def _log_axis(ax: Axes) -> None:
    """Logarithmic y with plain numbers, dense enough to read when the range is short."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    decades = np.log10(high / low) if low > 0 else 1.0
    if decades < 0.35:
        ax.set_yscale("linear")
        return
    subs: tuple[float, ...] = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
    if decades < 0.9:
        subs = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    ax.yaxis.set_major_locator(LogLocator(subs=subs))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(_plain))


def _plain(value: float, _: object = None) -> str:
    return f"{value:g}"
