"""Measure this suite beside its peers: the same work, on the same machine, in the same run.

    make bench                                  all of it, at most ten minutes on two CPU cores
    python benchmarks/bench.py --only rbm,pca   some works alone

Writes bench.csv, bench-growth.csv and their figures to results/, after every work anew, and at
the end prints the tables of docs/bench.md and docs/scale.md, which are in bench.md too.
ratio = our_seconds / peer_seconds: below 1 this suite is faster. Every work runs in a process of
its own, so that one that fails loses nothing else.
"""

import argparse
import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import works
from works import Point, Row
from works.measure import FULL, SMOKE, emit, exponent, parse, say

from aebench.errors import AebenchError
from aebench.files import atomic, write_text

ROW_COLUMNS = ["work", "size", "ours", "peer", "peer_seconds", "our_seconds", "ratio"]
POINT_COLUMNS = ["work", "against", "value", "seconds", "exponent"]
SCALES = (10**7, 10**9)
ENDING = 15  # seconds kept for the last figures


def main() -> None:
    """Run from the command line."""
    arguments = _arguments()
    if arguments.child:
        return _child(arguments)
    start = time.monotonic()
    results: Results = {}
    for name in arguments.only:
        left = arguments.minutes * 60 - ENDING - (time.monotonic() - start)
        if left < 1:
            say(f"{name}: left out, the {arguments.minutes:g} minutes are over")
            continue
        say(f"{name} ...")
        began = time.monotonic()
        results[name] = _measure(name, arguments, left)
        say(f"{name}: {time.monotonic() - began:.0f} s")
        write(results, arguments.out)
    text = markdown(results)
    write_text(arguments.out / "bench.md", text + "\n")
    print(text)
    say(f"{arguments.out}/bench.csv, {time.monotonic() - start:.0f} s")
    return None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=_names, default=list(works.WORKS), help="a,b,...")
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--minutes", type=float, default=10, help="at most, all works together")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: does everything run?")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--limit", type=float, help=argparse.SUPPRESS)
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in works.WORKS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r}; allowed are {', '.join(works.WORKS)}")
    return [name for name in works.WORKS if name in names]


# ---------------------------------------------------------------- one work, one process


def _measure(name: str, arguments: argparse.Namespace, left: float) -> list[Row | Point]:
    """Run a work in a process of its own and read its results as they come."""
    threads = str(arguments.threads)
    pools = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    command = [sys.executable, __file__, "--child", name, "--limit", f"{left:.0f}"]
    command += ["--threads", threads, *(["--smoke"] if arguments.smoke else [])]
    environment = {**os.environ, **dict.fromkeys(pools, threads), "TQDM_DISABLE": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    said = ""
    try:
        said, _ = process.communicate(timeout=left)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        say(f"{name} was stopped after {left:.0f} s; what it had measured is kept")
    else:
        if process.returncode:
            say(f"{name} failed; the other works go on")
    found = (parse(line) for line in said.splitlines())
    return [result for result in found if result is not None]


def _child(arguments: argparse.Namespace) -> None:
    if arguments.child in ("rbm", "epoch", "error", "growth"):
        from aebench.training.device import use_threads

        use_threads(arguments.threads)
    scale = SMOKE if arguments.smoke else FULL
    # An epoch that has begun ends before the time is looked at.
    extra = {"limit": arguments.limit - 2 * ENDING} if arguments.child == "error" else {}
    try:
        for result in works.load(arguments.child)(scale, **extra):
            emit(result)
    except (AebenchError, ImportError) as error:
        say(f"error: {arguments.child}: {error}")
        sys.exit(1)


# ---------------------------------------------------------------- tables and figures

Results = dict[str, list[Row | Point]]


def write(results: Results, folder: Path) -> None:
    """Write both tables and both figures, each file whole or not at all."""
    from works import charts

    rows, points = split(results)
    if rows:
        _write(folder / "bench.csv", ROW_COLUMNS, [{**asdict(r), "ratio": r.ratio} for r in rows])
        charts.save(charts.ratios(rows), folder / "bench")
    if points:
        slopes = exponents(points)
        facts = [{**asdict(p), "exponent": slopes.get((p.work, p.against))} for p in points]
        _write(folder / "bench-growth.csv", POINT_COLUMNS, facts)
        charts.save(charts.growth(points), folder / "bench-growth")


def _write(path: Path, columns: list[str], facts: list[dict]) -> None:
    shown = [
        {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in fact.items()} for fact in facts
    ]
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(shown)


def split(results: Results) -> tuple[list[Row], list[Point]]:
    """Rows and points, in the order of the works."""
    every = [result for name in works.WORKS for result in results.get(name, [])]
    return (
        [result for result in every if isinstance(result, Row)],
        [result for result in every if isinstance(result, Point)],
    )


def exponents(points: Iterable[Point]) -> dict[tuple[str, str], float]:
    """Fitted exponent of each work against each quantity."""
    series: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        series.setdefault((point.work, point.against), []).append(point)
    return {
        key: exponent([p.value for p in found], [p.seconds for p in found])
        for key, found in series.items()
        if len(found) > 1
    }


def markdown(results: Results) -> str:
    """The tables as Markdown, as docs/bench.md and docs/scale.md show them."""
    rows, points = split(results)
    tables = [ratio_table(rows)] if rows else []
    if points:
        tables += [growth_table(points), scale_table(points)]
    return "\n\n".join("\n".join(table) for table in tables)


def ratio_table(rows: Iterable[Row]) -> list[str]:
    """What bench.csv says."""
    lines = ["| work | size | peer | peer, s | ours, s | ratio |", "|---|---|---|---|---|---|"]
    for row in rows:
        numbers = (row.peer_seconds, row.our_seconds, row.ratio)
        shown = ("" if number is None else f"{number:.3g}" for number in numbers)
        lines.append(f"| {row.work} | {row.size} | {row.peer} | {' | '.join(shown)} |")
    return lines


def growth_table(points: list[Point]) -> list[str]:
    """What bench-growth.csv says."""
    lines = ["| work | against | from | to | seconds | exponent |", "|---|---|---|---|---|---|"]
    for (work, against), slope in exponents(points).items():
        found = [p for p in points if (p.work, p.against) == (work, against)]
        ends = f"{found[0].value:,} | {found[-1].value:,}"
        seconds = f"{found[0].seconds:.3g} to {found[-1].seconds:.3g}"
        lines.append(f"| {work} | {against} | {ends} | {seconds} | {slope:.2f} |")
    return lines


def scale_table(points: list[Point]) -> list[str]:
    """Seconds of the largest measured number of items, carried on along the slope.

    A slope below 1 comes from fixed costs at small sizes, which do not help at large ones: nothing
    grows slower than the items it reads. It is taken as 1.
    """
    shown = " | ".join(f"{items:,} items" for items in SCALES)
    lines = [f"| work | slope taken | measured | {shown} |", "|---|---|---|" + "---|" * len(SCALES)]
    for (work, against), slope in exponents(points).items():
        if against != "items":
            continue
        last = [p for p in points if (p.work, p.against) == (work, against)][-1]
        slope = max(1.0, slope)
        at = (duration(last.seconds * (items / last.value) ** slope) for items in SCALES)
        measured = f"{last.seconds:.3g} s at {last.value:,}"
        lines.append(f"| {work} | {slope:.2f} | {measured} | {' | '.join(at)} |")
    return lines


def duration(seconds: float) -> str:
    """Two digits in the largest unit that fits: `34 s`, `2.1 h`, `19 days`, `480 years`."""
    units = {"years": 31_557_600, "days": 86_400, "h": 3600, "min": 60, "s": 1}
    unit, size = next(((u, n) for u, n in units.items() if seconds >= 2 * n), ("s", 1))
    number = float(f"{seconds / size:.2g}")
    return f"{number:,g} {unit}"


if __name__ == "__main__":
    main()
