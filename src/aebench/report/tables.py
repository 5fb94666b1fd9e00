"""Tables of the report: built once, shown as HTML by the page and as Markdown by report.md."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from aebench import claims, statistics
from aebench.report import names, palette
from aebench.report.results import Results

MISSING = "\u2013"
"""Stands where nothing was measured."""

INTERVAL = "95% interval"
"""Heads the column that has in words what the number before it has as low and high."""

BETTER, WORSE, EVEN = "better", "worse", "even"
SIGNS = {
    BETTER: "▲",
    WORSE: "▼",
    EVEN: "≈",
    claims.REPRODUCED: "✓",
    claims.BEATEN: "▲",
    claims.NOT_REPRODUCED: "✗",
    claims.NOT_MEASURED: "○",
    claims.PROTOCOL_DIFFERS: "≠",
    claims.MISQUOTED: "!",
    claims.UNMEASURED: "∅",
}
"""Signs of what a number means, and of how a claim fared."""


@dataclass(frozen=True)
class Cell:
    """One cell: text, smaller text after it, a mark that says what the value means, and a rank.

    `value`, `low` and `high` are the number behind the text and its 95% interval, neither rounded
    nor cut; None where the cell holds words or nothing was measured. `note` names what the number
    is of where its row does not, as the variant behind the best baseline. A cell that names a
    variant has its `role` and `colour`; one that names a code size has it as `value` and `size`.
    """

    text: str
    detail: str = ""
    mark: str = ""
    best: bool = False
    rank: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    role: str = ""
    colour: str = ""
    size: int | None = None

    @property
    def sign(self) -> str:
        """Return the mark as a sign, so that colour is never the only difference."""
        return f" {SIGNS[self.mark]}" if self.mark in SIGNS else ""


@dataclass
class Table:
    """Columns, rows and a note; the first `words` columns hold words, the others numbers.

    With `grouped`, rows of equal first cells belong together: the page shows that cell as a
    heading over them instead of a column, which leaves room on a phone.
    """

    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    words: int = 1
    note: str = ""
    grouped: bool = False

    @property
    def groups(self) -> list[tuple[Cell | None, list[list[Cell]]]]:
        """Return headings and the rows under them, without the cell that became the heading."""
        if not self.grouped:
            return [(None, self.rows)]
        groups = itertools.groupby(self.rows, key=lambda row: row[0])
        return [(heading, [row[1:] for row in rows]) for heading, rows in groups]

    @property
    def room(self) -> list[tuple[bool, bool]]:
        """Whether any cell of a column has a detail, and a rank."""
        columns = zip(*self.rows, strict=True)
        return [(any(c.detail for c in cells), any(c.rank for c in cells)) for cells in columns]

    def markdown(self) -> str:
        """Return the table in GitHub's Markdown."""
        align = [":--" if i < self.words else "--:" for i in range(len(self.columns))]
        lines = [[escape(name) for name in self.columns], align]
        lines += [[_markdown(cell) for cell in row] for row in self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"{table}\n\n{escape(self.note)}\n" if self.note else f"{table}\n"


def escape(text: object) -> str:
    """Make text safe inside a Markdown table: neither HTML nor a new column nor emphasis."""
    safe = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in "\\`*_[]|$":
        safe = safe.replace(sign, f"\\{sign}")
    return " ".join(safe.split())


def number(value: float, decimals: int) -> str:
    """Return a number with thousands separators, a missing one as a dash."""
    return MISSING if math.isnan(value) else f"{value:,.{decimals}f}".replace("-", "\u2212")


def counted(value: float, decimals: int) -> Cell:
    """Return the cell of a number; of one that is missing, a dash without value."""
    return Cell(number(value, decimals), value=_value(value))


def named(results: Results, variant: str) -> Cell:
    """Return the cell of a variant, with its role and colour."""
    return Cell(variant, role=results.roles[variant], colour=palette.colour(variant))


def of_size(size: int, text: str = "", detail: str = "") -> Cell:
    """Return the cell of a code size."""
    return Cell(text or str(size), detail, value=size, size=size)


def _value(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def measured(results: Results, dataset: str, variant: str, size: int, metric: str) -> Cell:
    """Return mean and half width of the 95% interval of one case, or its ends if one is cut."""
    row = results.row(dataset, variant, size, metric)
    if row is None:
        return Cell(MISSING)
    shown = names.metric(metric, results.kind(dataset))
    half = row["high"] - row["mean"]
    low, high = max(row["low"], shown.range[0]), min(row["high"], shown.range[1])
    if math.isnan(half) or half == 0:
        interval = ""
    elif (low, high) == (row["low"], row["high"]):
        interval = f"±\u2009{number(half, shown.decimals)}"
    else:
        interval = f"[{number(low, shown.decimals)}, {number(high, shown.decimals)}]"
    return replace(
        counted(row["mean"], shown.decimals),
        detail=interval,
        low=_value(row["low"]),
        high=_value(row["high"]),
    )


def _about_intervals(rows: list[list[Cell]]) -> str:
    """Return what a note must add when an interval was cut at the range of its metric."""
    if not any(cell.detail.startswith("[") for row in rows for cell in row):
        return ""
    return (
        " [low, high] is an interval that would reach past the values its metric can take, cut "
        "there; summary.csv has it whole."
    )


# ---------------------------------------------------------------- headline


def best(
    results: Results, dataset: str, size: int, metric: str, variants: Iterable[str]
) -> str | None:
    """Return the variant with the best mean, of equals by name; None when none was measured."""
    means = results.means(dataset, metric, size)
    found = {variant: means[variant] for variant in variants if variant in means}
    if not found:
        return None
    sign = 1 if names.metric(metric, results.kind(dataset)).better == "lower" else -1
    return min(found, key=lambda variant: (sign * found[variant], variant))


def compare(
    results: Results, dataset: str, size: int, metric: str, left: str, right: str
) -> tuple[float, str]:
    """Difference of an autoencoder from a baseline, and what it means for the autoencoder.

    The meaning is that of tests.csv: "better" or "worse" when the difference is beyond the noise
    of items and seeds after Holm's correction, "even" when it is not, and empty without a test.
    """
    means = results.means(dataset, metric, size)
    difference = means[left] - means[right]
    found = results.test(dataset, size, metric, left, right)
    if found is None or math.isnan(found["p_holm"]):
        return difference, ""
    if found["p_holm"] >= 1 - statistics.CONFIDENCE:
        return difference, EVEN
    lower = names.metric(metric, results.kind(dataset)).better == "lower"
    return difference, BETTER if (difference < 0) == lower else WORSE


def headline_metrics(kind: str) -> list[str]:
    """Metrics of the headline table: one for compressing, two for classifying, one for finding."""
    return [
        names.error_metric(kind),
        "knn_accuracy",
        "logistic_accuracy",
        "mean_average_precision",
    ]


def leaders(results: Results) -> Table:
    """Best autoencoder above best baseline at the main code size of each data set."""
    table = _headline(results)
    for dataset in results.datasets:
        sizes = results.headline_code_sizes(dataset)
        main = results.main_code_size(dataset)
        table.rows += _leaders_of(results, dataset, main if main in sizes else sizes[0])
    _about_headline(table)
    return table


def headline(results: Results) -> Table:
    """Best baseline against every autoencoder, at the headline code sizes."""
    table = _headline(results)
    for dataset in results.datasets:
        for size in results.headline_code_sizes(dataset):
            table.rows += _headline_group(results, dataset, size)
    _about_headline(table)
    return table


def _headline(results: Results) -> Table:
    error = _headline_error(results)
    columns = ["data set, code size", "variant", error, "kNN acc. ↑", "logistic acc. ↑", "MAP ↑"]
    return Table(columns, words=2, grouped=True)


def _about_headline(table: Table) -> None:
    both = "error ↓" in table.columns
    table.note = (
        f"{'Error: squared error per image, perplexity per word of a document. ' if both else ''}"
        "± is half of the 95% interval over seeds, on these test items; none is shown for a single "
        "seed or for a method that gives the same value for every seed."
        f"{_about_intervals(table.rows)} Against the best baseline of the same column: ▲ better, ▼ "
        "worse, ≈ no difference shown, by tests over test items and seeds, corrected by Holm among "
        "the autoencoders of that column and code size."
    )


def _headline_error(results: Results) -> str:
    """Return the name of the error column: the metric where one kind of data is shown."""
    kinds = {results.kind(dataset) for dataset in results.datasets}
    metrics = {names.metric(names.error_metric(kind), kind).short for kind in kinds}
    return f"{metrics.pop() if len(metrics) == 1 else 'error'} ↓"


def _leaders_of(results: Results, dataset: str, size: int) -> list[list[Cell]]:
    """Return the best autoencoder of each column above the best baseline of it."""
    where = of_size(size, names.title(dataset), f"code size {size}")
    variants = {role: results.variants(dataset, role) for role in ("autoencoder", "baseline")}
    rows = []
    for role, found in variants.items():
        cells = [where, Cell(f"best {role}")]
        for metric in headline_metrics(results.kind(dataset)):
            winner = best(results, dataset, size, metric, found)
            cells.append(_winner(results, dataset, size, metric, winner))
            rival = best(results, dataset, size, metric, variants["baseline"])
            if role == "autoencoder" and winner and rival:
                meaning = compare(results, dataset, size, metric, winner, rival)[1]
                cells[-1] = replace(cells[-1], mark=meaning)
        if any(cell.text != MISSING for cell in cells[2:]):
            rows.append(cells)
    return rows


def _winner(
    results: Results, dataset: str, size: int, metric: str, winner: str | None, named: bool = True
) -> Cell:
    """Return the value of the variant that is best in a column, with its name."""
    if winner is None:
        return Cell(MISSING)
    cell = measured(results, dataset, winner, size, metric)
    return replace(cell, detail=f"{cell.detail} {winner * named}".strip(), note=winner)


def _headline_group(results: Results, dataset: str, size: int) -> list[list[Cell]]:
    kind = results.kind(dataset)
    where = of_size(size, names.title(dataset), f"code size {size}")
    baselines = results.variants(dataset, "baseline")
    rows = []
    if baselines:
        only = baselines[0] if len(baselines) == 1 else ""
        cells = [where, Cell("best baseline", only, role="baseline")]
        for metric in headline_metrics(kind):
            winner = best(results, dataset, size, metric, baselines)
            cells.append(_winner(results, dataset, size, metric, winner, named=not only))
        rows.append(cells)
    for variant in results.variants(dataset, "autoencoder"):
        cells = [where, named(results, variant)]
        for metric in headline_metrics(kind):
            cell = measured(results, dataset, variant, size, metric)
            rival = best(results, dataset, size, metric, baselines)
            mark = ""
            if rival and cell.text != MISSING:
                mark = compare(results, dataset, size, metric, variant, rival)[1]
            cells.append(replace(cell, mark=mark))
        if any(cell.text != MISSING for cell in cells[2:]):
            rows.append(cells)
    return rows


# ---------------------------------------------------------------- of a data set


def of_dataset(results: Results, dataset: str) -> Table:
    """Every variant at every code size, in the main metrics, with shared ranks."""
    return _of_metrics(results, dataset, names.table_metrics(results.kind(dataset)))


def more(results: Results, dataset: str) -> list[tuple[str, Table]]:
    """The further metrics of a data set: a title and a table a family of them."""
    families = names.more_metrics(results.kind(dataset)).items()
    found = [(title, _of_metrics(results, dataset, metrics)) for title, metrics in families]
    return [(title, table) for title, table in found if table.rows]


def _of_metrics(results: Results, dataset: str, metrics: list[str]) -> Table:
    kind = results.kind(dataset)
    metrics = [m for m in metrics if results.measured(dataset, m)]
    arrows = {"lower": " ↓", "higher": " ↑", "neither": ""}
    shown = [names.metric(metric, kind) for metric in metrics]
    table = Table(
        ["code size", "variant", *(f"{m.short}{arrows[m.better]}" for m in shown)],
        words=2,
        grouped=True,
    )
    for size in results.code_sizes(dataset):
        for variant in results.variants(dataset):
            cells = [_ranked(results, dataset, variant, size, metric) for metric in metrics]
            if any(cell.text != MISSING for cell in cells):
                table.rows.append(
                    [of_size(size, f"code size {size}"), named(results, variant), *cells]
                )
    table.note = _about(results, dataset, table)
    return table


def _ranked(results: Results, dataset: str, variant: str, size: int, metric: str) -> Cell:
    """Return a case with its shared rank; the first are bold."""
    cell = measured(results, dataset, variant, size, metric)
    rank = results.rank(dataset, variant, size, metric)
    return cell if rank is None else replace(cell, best=rank == 1, rank=str(rank))


def _about(results: Results, dataset: str, table: Table) -> str:
    """Return the note of a table of a data set."""
    seeds = results.metrics.loc[results.metrics["dataset"] == dataset, "seed"].nunique()
    intervals = "with half of the 95% interval over seeds" if seeds > 1 else "of one seed"
    note = f"Test split, means {intervals}."
    if any(cell.rank for row in table.rows for cell in row):
        note += (
            " # is the shared rank at a code size: 1 + the number of variants shown to be better, "
            "after Holm's correction; the first, whom nobody is shown to beat, are bold. That may "
            "be one of a middling mean whose seeds differ much. Two with different ranks need not "
            "be told apart from each other. Where no rank stands, nobody is told apart."
        )
    elif seeds > 1:
        note += " No ranks: these seeds tell nobody apart."
    note += _about_intervals(table.rows)
    for role, words in (("baseline", "Baselines"), ("control", "Controls, without rank")):
        found = results.variants(dataset, role)
        note += f" {words}: {', '.join(found)}." if found else ""
    return note


def costs(results: Results, dataset: str) -> Table:
    """Training time, size, memory and speed of every variant, means over seeds."""
    table = Table(
        [
            "variant",
            "code size",
            "seconds a seed",
            "parameters",
            "peak memory (MB)",
            "encoded a second",
            "decoded a second",
            "Mflop an item",
            "device",
        ],
        note=(
            "Seconds of training alone, as measured on the machine that trained; other jobs may "
            "have run beside. Peak memory is that of the whole training process. Items "
            "encoded and decoded a second on one CPU thread, or on a GPU where one was used; "
            "millions of floating-point operations to encode and decode an item, none where "
            "encoding is a search."
        ),
    )
    for variant in results.variants(dataset):
        for size in results.code_sizes(dataset):
            runs = results.runs(dataset, variant, size)
            facts = [run.facts | run.cost for run in runs if run.facts]
            if not facts:
                continue
            flops = [_mean(facts, f"{direction}_flops") for direction in ("encode", "decode")]
            seconds = _mean(facts, "seconds")
            table.rows.append(
                [
                    named(results, variant),
                    of_size(size),
                    counted(seconds, 1 if seconds < 100 else 0),
                    counted(_mean(facts, "parameters_count"), 0),
                    counted(_mean(facts, "peak_memory_mb"), 0),
                    counted(_mean(facts, "encode_items_per_second"), 0),
                    counted(_mean(facts, "decode_items_per_second"), 0),
                    counted(sum(flops) / 1e6, 2),
                    Cell(str(facts[0].get("device", MISSING))),
                ]
            )
    return table


def stages(results: Results) -> Table:
    """What every stage of the workflow took, over all data sets."""
    table = Table(
        ["stage", "jobs", "CPU seconds", "longest job (s)", "peak memory (MB)"],
        note=(
            "CPU seconds of all jobs together. Peak memory is that of the largest job, program "
            "and libraries included. The report itself and rules of one's own are not counted."
        ),
    )
    for stage, used in results.used().items():
        if not used:
            continue
        longest = max(used, key=lambda name: used[name]["seconds"])
        job = longest.removesuffix(f"-{stage}") if len(used) > 1 else ""
        table.rows.append(
            [
                Cell(stage),
                counted(len(used), 0),
                counted(sum(each["cpu_seconds"] for each in used.values()), 0),
                replace(counted(used[longest]["seconds"], 0), detail=job, note=job),
                counted(max(each["peak_memory_mb"] for each in used.values()), 0),
            ]
        )
    return table


def _mean(facts: list[dict[str, Any]], key: str) -> float:
    values = [fact[key] for fact in facts if isinstance(fact.get(key), int | float)]
    return float(np.mean(values)) if values else math.nan


def audit(results: Results, dataset: str) -> Table:
    """What the seeds can show at the main code size, and the controls."""
    size = results.main_code_size(dataset)
    kind = results.kind(dataset)
    rows = results.audit[(results.audit["dataset"] == dataset)]
    at_size = results.means(dataset, names.error_metric(kind), size)
    controls = [name for name in results.variants(dataset, "control") if name in at_size]
    table = Table(
        [
            "metric",
            "noise between seeds",
            "smallest difference",
            "with power 80%",
            "chance",
            *controls,
            "labels permuted",
            "controls",
        ],
        note=(
            f"Code size {size}. Noise: standard deviation between seeds of a typical variant. Two "
            "variants of that noise are told apart when they differ by more than the smallest "
            "difference (two-sided, 95%, one comparison); a true difference of that size is found "
            "every other time, one as in the next column 8 times in 10. A code that carries "
            "nothing, or permuted labels, must not score above chance (of accuracies the share of "
            "the largest class; less is possible): a metric whose control does is a bug. "
            "audit.csv has every metric at every code size."
        ),
    )
    main = names.table_metrics(kind)
    wrong = rows.loc[rows["verdict"] == statistics.NOT_AT_CHANCE, "metric"].drop_duplicates()
    for metric in dict.fromkeys([*main, *wrong]):
        found = rows[(rows["metric"] == metric) & (rows["code_size"] == size)]
        if len(found):
            decimals = names.metric(metric, kind).decimals
            table.rows.append(_audited(found.iloc[0], metric, kind, controls, decimals))
    checked = int((rows["verdict"] != "").sum())
    bad = rows[rows["verdict"] == statistics.NOT_AT_CHANCE]
    places = [f"{row.metric} at code size {row.code_size}" for row in bad.itertuples()]
    found_bad = f"not at chance: {', '.join(places)}" if places else "all at chance"
    table.note += f" {checked} controls were checked on this data set, {found_bad}."
    return table


def _audited(
    row: pd.Series, metric: str, kind: str, controls: list[str], decimals: int
) -> list[Cell]:
    """Return a row of the audit."""
    spread = [row["noise"], row["smallest_difference"], row["difference_with_power"]]
    scores = [row["chance"], *(row[f"control_{name}"] for name in controls)]
    mark = {statistics.AT_CHANCE: EVEN, statistics.NOT_AT_CHANCE: WORSE}.get(row["verdict"], "")
    return [
        Cell(names.metric(metric, kind).words),
        *(counted(value, decimals + 1) for value in spread),
        *(counted(value, decimals) for value in [*scores, row["permuted_labels"]]),
        Cell(row["verdict"] or MISSING, mark=mark),
    ]


def tests(results: Results) -> Table:
    """The best autoencoder against the best baseline, with the tests behind the answers."""
    table = Table(
        ["data set, code size", "metric", "against", "difference", INTERVAL, "p", "p, Holm"],
        words=3,
        grouped=True,
        note=(
            "The difference is the best autoencoder minus the best baseline. Its standard error is "
            "over test items and seeds, both drawn anew (a two-way random-effects analysis of "
            "variance; of the noise of seeds a variant's own or the typical one of its column, "
            "whichever is larger); the interval and p are those of "
            "this pair alone, the last column is corrected by Holm among all autoencoders against "
            "that baseline. The marks of the headline table follow from it; ranks also from all "
            "other pairs of variants, corrected among themselves. * over seeds alone, where values "
            "of items are missing. tests.csv has every autoencoder against every baseline."
        ),
    )
    for dataset in results.datasets:
        for size in results.headline_code_sizes(dataset):
            for metric in headline_metrics(results.kind(dataset)):
                row = _tested(results, dataset, size, metric)
                table.rows += [row] if row else []
    return table


def _tested(results: Results, dataset: str, size: int, metric: str) -> list[Cell] | None:
    left, right = (
        best(results, dataset, size, metric, results.variants(dataset, role))
        for role in ("autoencoder", "baseline")
    )
    if left is None or right is None:
        return None
    row = results.test(dataset, size, metric, left, right)
    if row is None or math.isnan(row["p"]):
        return None
    shown = names.metric(metric, results.kind(dataset))
    low, high = (number(row[end], shown.decimals) for end in ("low", "high"))
    seeds_alone = row["noise_of"] == "seeds"
    return [
        of_size(size, names.title(dataset), f"code size {size}"),
        Cell(shown.words),
        Cell(f"{left} against {right}"),
        replace(
            counted(row["difference"], shown.decimals),
            detail="*" if seeds_alone else "",
            mark=compare(results, dataset, size, metric, left, right)[1],
            low=_value(row["low"]),
            high=_value(row["high"]),
            note="over seeds alone" if seeds_alone else "",
        ),
        Cell(f"{low} to {high}"),
        *(Cell(probability(row[name]), value=_value(row[name])) for name in ("p", "p_holm")),
    ]


# ---------------------------------------------------------------- claims


def ledger(results: Results) -> Table:
    """Every published claim, what was measured, and how it fared."""
    table = Table(
        ["status", "claim", "published", "measured", "note"],
        words=3,
        note=(
            "Not verified: the published figure was recalled or taken from a secondary source. "
            "claims.csv has the unit and the protocol of each."
        ),
    )
    for _, row in results.claims.iterrows():
        status = str(row["status"])
        doubt = "" if str(row["verified"]).lower() == "true" else "not verified"
        table.rows.append(
            [
                Cell(status, mark=status),
                Cell(f"{row['statement']} ({row['source']}; {row['id']})"),
                Cell(str(row["published"]), doubt, note=doubt),
                Cell(
                    significant(row["measured"]),
                    extent(row["low"], row["high"]),
                    value=_value(row["measured"]),
                    low=_value(row["low"]),
                    high=_value(row["high"]),
                ),
                Cell(str(row["note"])),
            ]
        )
    return table


def significant(value: float) -> str:
    """Return a number of any unit with four significant digits, a missing one as a dash."""
    return MISSING if math.isnan(value) else f"{value:.4g}".replace("-", "\u2212")


def extent(low: float, high: float) -> str:
    """Return an interval of any unit in words, nothing where it has no width."""
    missing = math.isnan(low) or low == high
    return "" if missing else f"{significant(low)} to {significant(high)}"


def probability(p: float) -> str:
    """Return a p value as prose writes it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _markdown(cell: Cell) -> str:
    rank = f" #{cell.rank}" if cell.rank else ""
    text = escape(f"{cell.text} {cell.detail}".strip() + rank) + cell.sign
    return f"**{text}**" if cell.best else text
