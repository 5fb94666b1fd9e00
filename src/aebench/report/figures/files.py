"""Figures as files: four formats of each, drawn in several processes."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from pathlib import Path

import matplotlib.backends.backend_pdf
import matplotlib.backends.backend_svg  # once here instead of once in every process
import matplotlib.style
from matplotlib.figure import Figure
from PIL import Image

from aebench.errors import AebenchError
from aebench.files import atomic
from aebench.report.figures.shared import STYLE

Drawings = Mapping[Path, Callable[[], Figure]]

MANY_COLOURS = 2**14
"""A picture of more, which only clouds of points have, is lossy on the page."""

_UNDATED: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


def save(figure: Figure, stem: Path) -> None:
    """Write `<stem>.png`, `.svg`, `.pdf` and, for the page, `.webp`, each whole or not at all."""
    with matplotlib.style.context(STYLE):
        for suffix, undated in _UNDATED.items():
            with atomic(f"{stem}{suffix}") as temporary:
                figure.savefig(temporary, metadata=undated)
            figure.set_layout_engine("none")  # laid out once: a quarter of the time
    with atomic(f"{stem}.webp") as temporary:
        temporary.write_bytes(webp(Path(f"{stem}.png")))


def webp(png: Path) -> bytes:
    """Return a picture at about a quarter of its size: in 256 colours, and exact from there.

    No eye tells them from all, but where thousands of points overlap, and there a lossy picture
    is the smaller.
    """
    with Image.open(png) as opened:
        picture = opened.convert("RGB")
    buffer = io.BytesIO()
    if picture.getcolors(MANY_COLOURS) is None:
        picture.save(buffer, "webp", quality=80)
    else:
        few = picture.quantize(256, Image.Quantize.MEDIANCUT).convert("RGB")
        few.save(buffer, "webp", lossless=True)
    return buffer.getvalue()


# ---------------------------------------------------------------- several processes


def save_all(drawings: Drawings, processes: int) -> None:
    """Draw and write figures, each in one of several processes; the bytes are the same.

    Parameters
    ----------
    drawings : mapping of stem to function without arguments that returns the figure
    processes : int
        They are forks, which see what is loaded already. Where forking is not safe, which is
        anywhere but on Linux, there is one.

    Raises
    ------
    AebenchError
        When a process is killed; what a drawing raises is raised here, too. Figures that have not
        begun by then are not drawn.
    """
    if processes == 1 or len(drawings) < 2 or sys.platform != "linux":
        for stem, draw in drawings.items():
            save(draw(), stem)
        return
    forks = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, forks, _begin, (drawings,)) as pool:
        try:
            for saved in as_completed([pool.submit(_save, stem) for stem in drawings]):
                saved.result()
        except BrokenProcessPool as error:
            raise AebenchError(
                "a process that draws figures was killed; is there enough memory?"
            ) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)  # waits for what has begun
            raise


_drawings: Drawings = {}  # of a process of the pool: functions cannot be sent to it


def _begin(drawings: Drawings) -> None:
    """Prepare a process of the pool: Ctrl-C is its parent's, whose end is its own."""
    global _drawings
    _drawings = drawings
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _save(stem: Path) -> None:
    save(_drawings[stem](), stem)
