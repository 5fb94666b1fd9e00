"""Losses by epoch."""

from __future__ import annotations

import re

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from aebench.report import names, palette
from aebench.report.figures.shared import (
    MOST_OF_A_ROLE,
    WIDTH,
    handle,
    legend,
    log_axis,
    nothing,
)
from aebench.report.results import Results, Run


def draw(results: Results, dataset: str) -> Figure:
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
        return nothing("no variant recorded its training")
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
        log_axis(ax)
    variants = {variant for panel in panels.values() for variant in panel}
    legend(figure, [handle(v) for v in results.variants(dataset) if v in variants])
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
