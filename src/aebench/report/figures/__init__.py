"""The figures of a data set, one function each: Results in, matplotlib Figure out.

Equal results give equal bytes: no date, fixed ids in SVG, fixed samples. A figure that has nothing
to show says why instead of failing, because the workflow has promised its file.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure
from PIL import Image

from aebench.errors import AebenchError
from aebench.files import atomic
from aebench.report.figures import (
    code_maps,
    code_size,
    corrupted,
    critical_differences,
    filters,
    lecture_bottleneck,
    lecture_compression,
    lecture_contraction,
    lecture_overcomplete,
    lecture_pretraining,
    lecture_sparsity,
    lecture_subspace,
    lecture_undercomplete,
    lecture_unseen,
    perturbed,
    reconstructions,
    retrieval,
    training,
    vector_field,
    walks,
)
from aebench.report.figures.shared import STYLE
from aebench.report.results import Results

__all__ = ["FIGURES", "OVERALL", "draw", "draw_overall", "save"]

FIGURES: dict[str, Callable[[Results, str], Figure]] = {
    "reconstructions": reconstructions.draw,
    "code-maps": code_maps.draw,
    "retrieval": retrieval.draw,
    "code-size": code_size.draw,
    "filters": filters.draw,
    "denoising": corrupted.draw_denoising,
    "inpainting": corrupted.draw_inpainting,
    "perturbed": perturbed.draw,
    "walks": walks.draw,
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


_UNDATED: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
LARGE = 100_000
"""Bytes of a picture on the page from which on it may be lossy."""


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


def save(figure: Figure, stem: Path) -> None:
    """Write `<stem>.png`, `.svg`, `.pdf` and, for the page, `.webp`, each whole or not at all."""
    with matplotlib.style.context(STYLE):
        for suffix, undated in _UNDATED.items():
            with atomic(f"{stem}{suffix}") as temporary:
                figure.savefig(temporary, metadata=undated)
            figure.set_layout_engine("none")  # laid out once: a quarter of the time
    with atomic(f"{stem}.webp") as temporary:
        temporary.write_bytes(_webp(Path(f"{stem}.png")))


def _webp(png: Path) -> bytes:
    """Return a picture at about a quarter of its size.

    In 256 colours, which no eye tells from all of them, and exact from there. Where that stays
    large, as clouds of points do, what is lossy may be the smaller.
    """
    with Image.open(png) as opened:
        picture = opened.convert("RGB")
    few = picture.quantize(256, Image.Quantize.MEDIANCUT).convert("RGB")
    exact = _encoded(few, lossless=True)
    return exact if len(exact) <= LARGE else min(exact, _encoded(picture, quality=80), key=len)


def _encoded(picture: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "webp", **options)
    return buffer.getvalue()
