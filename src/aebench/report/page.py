"""The page: index.html in one file, and report.md from the same context."""

from __future__ import annotations

import base64
import shlex
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from aebench import claims
from aebench.files import write_text
from aebench.report import (
    answers,
    explore,
    live_decoder,
    names,
    overall,
    provenance,
    rankings,
    tables,
)
from aebench.report.captions import CAPTIONS, ONE_CODE_SIZE
from aebench.report.results import Results
from aebench.report.tables import Cell, Table, escape
from aebench.statistics import Across

ASSETS = Path(__file__).parent / "assets"

ORDINARY = 0.8
"""Height of a figure of ordinary shape with its caption, by its width."""


@dataclass(frozen=True)
class Picture:
    """A figure on the page: where its files lie, and its content for embedding."""

    name: str
    title: str
    caption: str
    alt: str
    stem: str
    data: str
    width: int
    height: int

    @property
    def of_images(self) -> bool:
        """Whether it shows images, whose shades mean something at night too."""
        return self.name in names.OF_IMAGES

    @property
    def rows(self) -> int:
        """How many ordinary figures, one above the other, are as high as this one."""
        return max(1, round(self.height / self.width / ORDINARY))

    @property
    def files(self) -> list[tuple[str, str]]:
        """Formats that a reader may want, and where their files lie."""
        return [(suffix.upper(), self.link(suffix)) for suffix in names.FORMATS[:-1]]

    def link(self, suffix: str) -> str:
        """Where a file lies, as a link says it, whatever a data set is called."""
        return quote(f"{self.stem}.{suffix}")


def write(context: Mapping[str, Any], out: Path) -> None:
    """Write what `build` gathered as index.html and report.md into the folder `out`."""
    write_text(out / "index.html", templates().get_template("page.html").render(context))
    write_text(out / "report.md", markdown(context))


def build(
    results: Results,
    ranks: Mapping[str, Across],
    out: Path,
    budget_name: str,
    config: Mapping[str, Any],
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Gather everything that the page, report.md and the tables in files show.

    The figures must already lie in the folder `out`: the page holds them.
    """
    budget = dict(config.get("budgets", {}).get(budget_name, {}))
    made_by = provenance.of(results)
    return {
        "budget": budget_name,
        "budget_line": budget_line(results, budget_name, made_by.hardware),
        "question": answers.QUESTION,
        "answers": answers.answers(results),
        "caveats": answers.caveats(results, _epochs(budget)),
        "leaders": tables.leaders(results),
        "headline": tables.headline(results),
        "tests": tables.tests(results),
        "overall": embedded("critical-differences", "all data sets", "critical-differences", out),
        "overall_sentences": overall.sentences(ranks),
        "sections": [_section(results, dataset, out) for dataset in results.datasets],
        "stages": tables.stages(results),
        "claims": _claims(results),
        "ledger": tables.ledger(results),
        "tally": _tally(results),
        "settings": _yaml(
            {key: value for key, value in config.items() if key not in ("budget", "budgets")}
            | {"budget": {budget_name: budget}}
        ),
        "commands": commands(budget_name, given, made_by.commit),
        "made_by": made_by,
    }


def commands(budget_name: str, given: Mapping[str, Any], commit: str | None = None) -> list[str]:
    """Return the lines of shell that make this page again, from the commit where there is one.

    Nested keys cannot be given by `--config`: a comment says where they belong.
    """
    nested = [key for key, value in given.items() if isinstance(value, Mapping)]
    settings = {key: value for key, value in given.items() if key not in nested}
    words = [shlex.quote(f"{key}={_flow(value)}") for key, value in settings.items()]
    budget = shlex.quote(f"budget={budget_name}")
    command = " ".join(["snakemake --cores N --config", budget, *words])
    set_up = "# in an environment that is set up"
    source = [f"git checkout {shlex.quote(commit)}"] if commit else []
    if nested:
        set_up += f", with {_list(nested)} in config.yaml as in the settings below"
    if settings or nested:
        return [*source, set_up, command]
    make = f"make reproduce BUDGET={shlex.quote(budget_name)}"
    return [*source, make, f"{set_up}, the same", command]


def _flow(value: Any) -> str:
    """Return a value as `--config` reads it."""
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _epochs(budget: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    """Epochs of a budget by kind of data, of those that say so."""
    kinds = {kind: budget.get(kind) for kind in ("images", "documents")}
    return {k: v["epochs"] for k, v in kinds.items() if isinstance(v, Mapping) and "epochs" in v}


def budget_line(results: Results, budget_name: str, hardware: str) -> str:
    """Return the first line: at which budget, on how much, with how many seeds, on what."""
    items = " training and {} test items"
    counts = []
    for name in results.datasets:
        facts = results.facts[name]
        train, test = (f"{facts.get(f'{part}_items', 0):,}" for part in ("train", "test"))
        counts.append(f"{names.title(name)} ({train}{items.format(test)})")
        items = " and {}"
    seeds = len(results.seeds)
    return (
        f"Budget {budget_name}: {_list(counts)}, {seeds} seed{'s' if seeds > 1 else ''}; "
        f"hardware: {hardware}."
    )


def _section(results: Results, dataset: str, out: Path) -> dict[str, Any]:
    facts = results.facts[dataset]
    kind = results.kind(dataset)
    raw = facts.get("sha256") or {}
    sources = facts.get("sources") or {}
    files = [
        {"name": name, "sha256": str(raw[name]), "source": str(sources.get(name, ""))}
        for name in sorted(raw)
    ]
    return {
        "name": dataset,
        "anchor": f"data-{''.join(c if c.isalnum() else '-' for c in dataset)}",
        "title": names.title(dataset),
        "facts": (
            f"{facts.get('train_items', 0):,} training and {facts.get('test_items', 0):,} test "
            f"{kind}, {facts.get('n_features', 0):,} {'pixels' if kind == 'images' else 'words'}, "
            f"{len(facts.get('classes') or []):,} classes"
        ),
        "rankings": rankings.rankings(results, dataset),
        "table": tables.of_dataset(results, dataset),
        "explorer": explore.payload(results, dataset),
        "more": tables.more(results, dataset),
        "audit": tables.audit(results, dataset),
        "costs": tables.costs(results, dataset),
        "pictures": [
            _picture_of(results, dataset, name, out) for name in names.figure_names(dataset, kind)
        ],
        "decoder": live_decoder.part(results, dataset),
        "notes": [str(note) for note in facts.get("notes") or []],
        "files": files,
        "raw": Table(
            ["raw file", "sha256", "source"],
            [[Cell(file[key]) for key in ("name", "sha256", "source")] for file in files],
            words=3,
        ),
    }


def _picture_of(results: Results, dataset: str, name: str, out: Path) -> Picture:
    """Return a figure of a data set."""
    picture = embedded(name, names.title(dataset), f"{dataset}-{name}", out)
    if name == "code-size" and len(results.compared_code_sizes(dataset)) == 1:
        title, caption = ONE_CODE_SIZE
        return replace(
            picture, title=title, caption=caption, alt=f"{title}, {names.title(dataset)}"
        )
    return picture


def embedded(name: str, of: str, file: str, out: Path) -> Picture:
    """Return the figure that lies as `<out>/figures/<file>` in each of the formats."""
    title, caption = CAPTIONS[name]
    stem = f"figures/{file}"
    webp = base64.b64encode((out / f"{stem}.webp").read_bytes()).decode("ascii")
    data = f"data:image/webp;base64,{webp}"
    width, height = _size(out / f"{stem}.png")
    return Picture(name, title, caption, f"{title}, {of}", stem, data, width, height)


def _size(png: Path) -> tuple[int, int]:
    """Width and height of a PNG file, which stand at the same place in each."""
    with open(png, "rb") as file:
        width, height = struct.unpack(">16x2I", file.read(24))
    return width, height


# ---------------------------------------------------------------- claims and provenance


def _claims(results: Results) -> list[dict[str, str]]:
    """Rows of the ledger as text, in its order."""
    return [_claim(row) for _, row in results.claims.iterrows()]


def _claim(row: pd.Series) -> dict[str, str]:
    status = str(row["status"])
    text = {name: "" if pd.isna(row[name]) else str(row[name]) for name in claims.COLUMNS}
    return text | {
        "measured": tables.significant(row["measured"]),
        "interval": tables.extent(row["low"], row["high"]),
        "sign": tables.SIGNS.get(status, "?"),
        "anchor": status.replace(" ", "-"),
        "verified": "verified" if text["verified"].lower() == "true" else "not verified",
    }


def _tally(results: Results) -> list[tuple[str, str, int]]:
    counts = results.claims["status"].value_counts()
    return [
        (tables.SIGNS[status], status, int(counts[status]))
        for status in claims.STATUSES
        if status in counts
    ]


def _yaml(settings: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(_plain(settings), sort_keys=True, allow_unicode=True, width=90)


def _plain(value: Any) -> Any:
    """Turn a configuration into plain types, which is all that YAML can write."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | type(None)) else str(value)


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


# ---------------------------------------------------------------- forms


def templates() -> Any:
    """Return what makes pages of the templates in `ASSETS`, everything but our own escaped."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Our own style and scripts, which are no templates: everything else is escaped.
    environment.globals["asset"] = lambda name: Markup((ASSETS / name).read_text(encoding="utf-8"))
    environment.globals["library"] = lambda: Markup(explore.library())
    return environment


def markdown(context: Mapping[str, Any]) -> str:
    """Return the report in GitHub's Markdown, its figures linked as files."""
    parts = [f"{escape(context['budget_line'])}\n", f"# {context['question']}\n"]
    for answer in context["answers"]:
        parts.append(f"**{answer.task}** ({escape(answer.measure)}). {escape(answer.sentence)}\n")
        parts.append("".join(f"- {escape(each.line)}\n" for each in answer.comparisons))
    parts += [escape(" ".join(context["caveats"])) + "\n", context["leaders"].markdown()]
    parts += ["## Every autoencoder\n", context["headline"].markdown()]
    for section in context["sections"]:
        parts += _markdown_section(section)
    parts += _markdown_overall(context)
    parts += ["## Claims\n", context["ledger"].markdown()]
    if context["stages"].rows:
        parts += ["## Stages of the workflow\n", context["stages"].markdown()]
    parts += ["## How to reproduce\n"]
    parts += [_fence("\n".join(context["commands"]))]
    parts += ["Settings:\n", _fence(context["settings"], "yaml")]
    made_by = [f"- {escape(name)}: {escape(value)}\n" for name, value in context["made_by"].facts]
    parts += ["Made with:\n", "".join(made_by)]
    return "\n".join(parts)


def _fence(text: str, language: str = "") -> str:
    """Return a block of code, which Markdown shows as it stands; nothing in it can end it."""
    return f"```{language}\n{text.strip().replace('```', '')}\n```\n"


def _markdown_section(section: Mapping[str, Any]) -> list[str]:
    parts = [f"## {escape(section['title'])}\n", f"{escape(section['facts'])}.\n"]
    parts.append(section["table"].markdown())
    for title, table in section["more"]:
        parts += [f"### {title}\n", table.markdown()]
    for picture in section["pictures"]:
        parts += [f"### {picture.title}\n", f"![{escape(picture.alt)}]({picture.link('svg')})\n"]
        parts.append(f"{escape(picture.caption)}\n")
    parts += ["### What these seeds can show\n", section["audit"].markdown()]
    parts += ["### Times and sizes\n", section["costs"].markdown()]
    parts += ["### Data\n", "".join(f"- {escape(note)}\n" for note in section["notes"])]
    return [*parts, section["raw"].markdown()] if section["raw"].rows else parts


def _markdown_overall(context: Mapping[str, Any]) -> list[str]:
    """Return the tests of single comparisons and the ranks over all data sets."""
    picture = context["overall"]
    parts = [f"## {picture.title}\n", f"![{escape(picture.alt)}]({picture.link('svg')})\n"]
    parts.append(f"{escape(picture.caption)}\n")
    parts.append("".join(f"- {escape(line)}\n" for line in context["overall_sentences"]))
    if context["tests"].rows:
        parts += ["### Tests\n", context["tests"].markdown()]
    return parts
