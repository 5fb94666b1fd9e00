"""Penalties on mean activation: the gradient of KL, and what KL and L1 reach."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aebench.report import palette
from aebench.report.figures.intervals import curve
from aebench.report.figures.shared import WIDTH, log_axis, nothing
from aebench.report.results import Results

Toys = dict[str, np.ndarray]
MARKERS = ("o", "s", "D", "v")


def draw(results: Results) -> Figure:
    """Three panels: the gradient, asked against reached, and L1 by its weight."""
    toys = results.toys
    if "sparsity_kl" not in toys:
        return nothing("the experiments on made-up data were not run")
    figure = Figure(figsize=(WIDTH, 3.0))
    gradient, kl, l1 = figure.subplots(1, 3)
    _gradient(gradient, toys)
    _kl(kl, toys)
    curve(
        l1,
        np.arange(toys["sparsity_l1"].shape[1]),
        toys["sparsity_l1"],
        palette.colour("sparse-l1"),
        marker="o",
    )
    l1.set_xticks(
        range(len(toys["sparsity_l1_weights"])),
        [f"{weight:g}" for weight in toys["sparsity_l1_weights"]],
    )
    l1.set_ylim(0, None)
    l1.set_xlabel("weight of the penalty")
    l1.set_title("L1 shrinks the\nmean activation")
    return figure


def _gradient(ax: Axes, toys: Toys) -> None:
    at = toys["kl_rho_hat"]
    ax.plot(at, toys["kl_gradient_formula"], color="#333333", lw=1.2, label="formula")
    ax.plot(
        at[::7],
        toys["kl_gradient_autograd"][::7],
        color=palette.colour("sparse-kl"),
        marker="o",
        ls="",
        label="differentiated",
    )
    ax.axhline(0, color="#888888", lw=0.7)
    ax.axvline(float(toys["kl_rho"]), color="#888888", lw=0.7, ls=":")
    ax.set_ylim(-12, 30)
    ax.legend(loc="upper left", handlelength=1.2)
    ax.set_xlabel("mean activation of a unit")
    ax.set_title(f"gradient of KL\nfor ρ = {float(toys['kl_rho']):g}")


def _kl(ax: Axes, toys: Toys) -> None:
    asked = toys["sparsity_rho"]
    ax.plot(asked, asked, color="#888888", lw=0.9, ls="--", label="as asked")
    ax.set_xscale("log")
    for place, weight in enumerate(toys["sparsity_kl_weights"]):
        curve(
            ax,
            asked,
            toys["sparsity_kl"][:, place],
            palette.colour("sparse-kl"),
            marker=MARKERS[place % len(MARKERS)],
            alpha=0.45 if place == 0 else 1.0,
            label=f"weight {weight:g}",
        )
    log_axis(ax)
    ax.set_xticks(asked, [f"{rho:g}" for rho in asked])
    ax.minorticks_off()
    ax.legend(loc="lower right", handlelength=1.6)
    ax.set_xlabel("asked mean activation ρ")
    ax.set_title("mean activation that\nKL reaches")
