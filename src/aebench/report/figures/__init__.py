"""The figures of a data set, one function each: Results in, matplotlib Figure out.

Equal results give equal bytes: no date, fixed ids in SVG, fixed samples. A figure that has nothing
to show says why instead of failing, because the workflow has promised its file.
"""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.style
from matplotlib.figure import Figure

from aebench.errors import AebenchError
from aebench.report.figures import (
    code_maps,
    code_size,
    corrupted,
    critical_differences,
    filters,
    label_efficiency,
    lecture_bottleneck,
    lecture_compression,
    lecture_contraction,
    lecture_overcomplete,
    lecture_pretraining,
    lecture_sparsity,
    lecture_subspace,
    lecture_undercomplete,
    lecture_unseen,
    pareto,
    perturbed,
    rate_distortion,
    reconstructions,
    retrieval,
    sparsity,
    training,
    vector_field,
    walks,
)
from aebench.report.figures.files import save, save_all
from aebench.report.figures.shared import STYLE
from aebench.report.results import Results

__all__ = ["FIGURES", "OVERALL", "draw", "draw_overall", "save", "save_all"]

FIGURES: dict[str, Callable[[Results, str], Figure]] = {
    "reconstructions": reconstructions.draw,
    "code-maps": code_maps.draw,
    "retrieval": retrieval.draw,
    "code-size": code_size.draw,
    "rate-distortion": rate_distortion.draw,
    "pareto": pareto.draw,
    "label-efficiency": label_efficiency.draw,
    "filters": filters.draw,
    "denoising": corrupted.draw_denoising,
    "inpainting": corrupted.draw_inpainting,
    "perturbed": perturbed.draw,
    "walks": walks.draw,
    "sparsity": sparsity.draw,
    "training": training.draw,
}

OVERALL: dict[str, Callable[[Results], Figure]] = {
    "critical-differences": critical_differences.draw,
    "vector-field": vector_field.draw,
    "lecture-undercomplete": lecture_undercomplete.draw,
    "lecture-subspace": lecture_subspace.draw,
    "lecture-sparsity": lecture_sparsity.draw,
    "lecture-contraction": lecture_contraction.draw,
    "lecture-overcomplete": lecture_overcomplete.draw,
    "lecture-pretraining": lecture_pretraining.draw,
    "lecture-unseen": lecture_unseen.draw,
    "lecture-compression": lecture_compression.draw,
    "lecture-bottleneck": lecture_bottleneck.draw,
}


def draw(name: str, results: Results, dataset: str) -> Figure:
    """Draw the figure `name` of a data set; names are those of `figure_names`."""
    if name not in FIGURES:
        raise AebenchError(f"unknown figure '{name}'; allowed: {', '.join(FIGURES)}.")
    with matplotlib.style.context(STYLE):
        return FIGURES[name](results, dataset)


def draw_overall(name: str, results: Results) -> Figure:
    """Draw the figure `name` that belongs to no data set; names are those of `names.OVERALL`."""
    with matplotlib.style.context(STYLE):
        return OVERALL[name](results)
