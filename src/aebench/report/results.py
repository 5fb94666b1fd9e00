"""The files of one budget's results, read for tables and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from aebench import statistics
from aebench.claims import COLUMNS as CLAIM_COLUMNS
from aebench.datasets import Dataset, read_facts
from aebench.datasets import read as read_dataset
from aebench.errors import AebenchError, shown
from aebench.files import is_name, read_arrays, read_json
from aebench.metrics.contract import COST, HISTORY, RUN, check_codes, refuse
from aebench.report import arrays, names

USED = COST | {"required": ["seconds", "cpu_seconds", "peak_memory_mb"]}
_CLAIM_TEXT = sorted(set(CLAIM_COLUMNS) - {"measured", "low", "high"})


@dataclass(frozen=True)
class Run:
    """One trained estimator: where its files lie, and its facts."""

    dataset: str
    variant: str
    code_size: int
    seed: int
    folder: Path
    test_shape: tuple[int, int]
    """Number of test items and of features."""

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What run.json says; empty when there is none."""
        return read_json(self.folder / "run.json", missing={}, schema=RUN)

    @cached_property
    def cost(self) -> dict[str, Any]:
        """What cost.json says: items a second and operations an item; may be empty."""
        return read_json(self.folder / "cost.json", missing={}, schema=COST)

    @cached_property
    def history(self) -> pd.DataFrame:
        """What history.csv says: epoch, split, metric, value, seconds."""
        path = self.folder / "history.csv"
        if not path.is_file():
            return pd.DataFrame(columns=HISTORY)
        return statistics.read_csv(path, HISTORY)

    def codes(self) -> np.ndarray | None:
        """Test codes [n_test, code_size]; None when there are none."""
        codes = _arrays(self.folder / "codes.npz", "test").get("test")
        if codes is not None:
            shape = (self.test_shape[0], self.code_size)
            check_codes(codes, shape, "codes.npz 'test'", self.folder)
        return codes

    def samples(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Positions [m] of the shown test items and their reconstructions [m, n_features]."""
        found = _arrays(self.folder / "samples.npz")
        if not {"indices", "reconstructions"} <= found.keys() or not found["indices"].size:
            return None
        indices, images = found["indices"], found["reconstructions"]
        items, features = self.test_shape
        if (
            indices.ndim != 1
            or indices.dtype.kind not in "iu"
            or not ((indices >= 0) & (indices < items)).all()
            or images.shape != (len(indices), features)
            or not np.isfinite(images).all()
        ):
            refuse(self.folder, "samples.npz has no finite reconstructions of test items")
        return indices, images


class Sureness(NamedTuple):
    """The tables that say how sure the numbers are, as the aggregate stage writes them."""

    audit: pd.DataFrame
    tests: pd.DataFrame
    ranks: pd.DataFrame


class Results:
    """Everything one budget measured.

    Attributes
    ----------
    folder : Path
        `results/<budget>`.
    metrics, summary : DataFrame
        The tidy table and its means, the test split alone.
    claims, audit, tests, ranks : DataFrame
        As claims.csv, audit.csv, tests.csv and ranks.csv have them.
    facts : dict of data set to the dict of its data.json
    roles : mapping of variant to "autoencoder", "baseline" or "control"
    asked : mapping of kind or data set to code sizes
        What the configuration asked for, the main code size first; may be empty.
    """

    def __init__(
        self,
        folder: Path,
        metrics: pd.DataFrame,
        claims: pd.DataFrame,
        sureness: Sureness,
        roles: Mapping[str, str],
        asked: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self.folder = folder
        self.asked = asked or {}
        self.roles = roles
        self.metrics = metrics[metrics["split"] == "test"].reset_index(drop=True)
        if self.metrics.empty:
            raise AebenchError(f"{folder / 'metrics.csv'} has no row of the test split.")
        for name in {*self.metrics["dataset"], *self.metrics["variant"]}:
            if not is_name(name):
                raise AebenchError(
                    f"{folder / 'metrics.csv'} has '{shown(name)}', which cannot be the name of "
                    "a data set or a variant."
                )
        without = [name for name in self.metrics["variant"].unique() if name not in roles]
        if without:
            raise AebenchError(f"no role is known of {', '.join(without)}; found: {dict(roles)}.")
        self.claims = claims
        self.audit, self.tests, self.ranks = sureness
        self.summary = statistics.summarise(self.metrics)
        self.facts = {
            name: read_facts(folder / name / "data.json")
            for name in self.metrics["dataset"].drop_duplicates()
        }
        self._items: dict[str, Dataset] = {}
        self._exhibits: dict[str, dict[str, np.ndarray]] = {}

    @cached_property
    def toys(self) -> dict[str, np.ndarray]:
        """Arrays of the experiments on made-up data, as the toys stage says; may be empty."""
        path = self.folder / "toys.npz"
        found = _arrays(path)
        if found:
            arrays.check_toys(found, path)
        return found

    @property
    def datasets(self) -> list[str]:
        """Images first, the known ones in the order of `names.TITLES`, others by name."""
        known = list(names.TITLES)

        def key(name: str) -> tuple[bool, int, str]:
            place = known.index(name) if name in known else len(known)
            return (self.kind(name) != "images", place, name)

        return sorted(self.facts, key=key)

    @property
    def seeds(self) -> list[int]:
        """All seeds of any run."""
        return sorted(int(seed) for seed in self.metrics["seed"].unique())

    def kind(self, dataset: str) -> str:
        """Return "images" or "documents"."""
        return str(self.facts[dataset].get("kind", "documents"))

    def items(self, dataset: str) -> Dataset:
        """Return the prepared data set."""
        if dataset not in self._items:
            self._items[dataset] = read_dataset(self.folder / dataset / "data.npz")
        return self._items[dataset]

    def exhibits(self, dataset: str) -> dict[str, np.ndarray]:
        """What the exhibits stage wrote, see there for its names; empty when there is none."""
        if dataset not in self._exhibits:
            path = self.folder / dataset / "exhibits.npz"
            self._exhibits[dataset] = found = _arrays(path)
            if found:
                arrays.check_exhibits(found, self.facts[dataset]["n_features"], path)
        return self._exhibits[dataset]

    def code_sizes(self, dataset: str, variant: str | None = None) -> list[int]:
        """All code sizes of a data set, or those of one of its variants, ascending."""
        return sorted({s for v, s in self._compared[dataset] if variant in (None, v)})

    def main_code_size(self, dataset: str) -> int:
        """Return the one that the configuration names first.

        Where that was not run, the code size that most variants have, the largest of those.
        """
        asked = self.asked.get(dataset, self.asked.get(self.kind(dataset), ()))
        if asked and asked[0] in self.code_sizes(dataset):
            return asked[0]
        counts = Counter(size for _, size in self._compared[dataset])
        return max(counts, key=lambda size: (counts[size], size))

    def compared_code_sizes(self, dataset: str) -> list[int]:
        """Code sizes at which autoencoders and baselines meet; all, where they never do."""
        sizes = [
            {size for variant, size in self._compared[dataset] if self.roles[variant] == role}
            for role in ("autoencoder", "baseline")
        ]
        return sorted(sizes[0] & sizes[1]) or self.code_sizes(dataset)

    def headline_code_sizes(self, dataset: str) -> list[int]:
        """Images: the main code size. Documents: every compared code size but the smallest."""
        sizes = self.compared_code_sizes(dataset)
        if self.kind(dataset) == "images":
            return [self.main_code_size(dataset)]
        return sizes[1:] or sizes

    def variants(self, dataset: str, role: str | None = None) -> list[str]:
        """Return the variants of a data set, best first by its error at the main code size.

        Those without it follow by name, and controls come last. With `role`, those of that role.
        """
        kind, size = self.kind(dataset), self.main_code_size(dataset)
        rank = self.means(dataset, names.error_metric(kind), size)

        def key(variant: str) -> tuple[bool, float, str]:
            control = self.roles[variant] == "control"
            return (control, float(rank.get(variant, np.inf)), variant)

        found = sorted({variant for variant, _ in self._compared[dataset]}, key=key)
        return [variant for variant in found if role in (None, self.roles[variant])]

    def leading(self, dataset: str, metric: str, code_size: int, most: int) -> list[str]:
        """Return the best `most` variants of each role by a metric at a code size, best first."""
        means = self.means(dataset, metric, code_size)
        sign = 1 if names.metric(metric, self.kind(dataset)).better == "lower" else -1
        ranked = sorted(means, key=lambda variant: (sign * means[variant], variant))
        seen: dict[str, int] = {}
        found = []
        for variant in ranked:
            role = self.roles[variant]
            seen[role] = seen.get(role, 0) + 1
            found += [variant] if seen[role] <= most else []
        return found

    def means(self, dataset: str, metric: str, code_size: int) -> dict[str, float]:
        """Means of a metric by variant."""
        return dict(self._means.get((dataset, metric, code_size), {}))

    def row(
        self, dataset: str, variant: str, code_size: int, metric: str
    ) -> Mapping[Any, Any] | None:
        """Return the summary of one case, None when it was not measured."""
        return self._cases.get((dataset, variant, code_size, metric))

    def test(
        self, dataset: str, code_size: int, metric: str, left: str, right: str
    ) -> Mapping[Any, Any] | None:
        """Return the row of tests.csv of two variants, None when they were not compared."""
        return self._tests.get((dataset, code_size, metric, left, right))

    def rank(self, dataset: str, variant: str, code_size: int, metric: str) -> int | None:
        """Return the shared rank of one case, None where there is none."""
        return self._ranks.get((dataset, variant, code_size, metric))

    def measured(self, dataset: str, metric: str) -> bool:
        """Whether any variant of the data set has the metric."""
        return any(of == dataset and name == metric for of, name, _ in self._means)

    def searches(self, variant: str) -> bool:
        """Whether a variant finds the codes of test items by search instead of encoding once."""
        runs = (run for run in self._runs if run.variant == variant)
        parameters = next((run.facts.get("parameters") or {} for run in runs), {})
        return bool(parameters.get("inference") == "optimised")

    def runs(
        self, dataset: str, variant: str | None = None, code_size: int | None = None
    ) -> list[Run]:
        """Return the runs of a data set, of one variant or code size when given."""
        return [
            run
            for run in self._runs
            if run.dataset == dataset
            and variant in (None, run.variant)
            and code_size in (None, run.code_size)
        ]

    def used(self) -> dict[str, dict[str, dict[str, float]]]:
        """What the jobs of each stage used, by job: seconds, cpu_seconds, peak_memory_mb.

        Jobs of these results alone: records of variants that are gone may lie beside theirs.
        """
        cases = dict.fromkeys(f"{run.dataset}-{run.variant}-d{run.code_size}" for run in self._runs)
        stages = {
            "data": [f"{name}-data" for name in self.datasets],
            "train": [f"{case}-train" for case in cases],
            "evaluate": [f"{case}-evaluate" for case in cases],
            "exhibits": [f"{name}-exhibits" for name in self.datasets],
            "aggregate": ["aggregate"],
            "claims": ["claims"],
            "toys": ["toys"],
        }
        return {
            stage: {name: record for name in names if (record := self._used(name))}
            for stage, names in stages.items()
        }

    def _used(self, job: str) -> dict[str, float]:
        return read_json(self.folder / "logs" / f"{job}.json", missing={}, schema=USED)

    @cached_property
    def _runs(self) -> list[Run]:
        keys = self.metrics[["dataset", "variant", "code_size", "seed"]].drop_duplicates()
        return [
            Run(
                dataset,
                variant,
                int(size),
                int(seed),
                self.folder / dataset / variant / f"d{size}" / f"seed-{seed}",
                (self.facts[dataset]["test_items"], self.facts[dataset]["n_features"]),
            )
            for dataset, variant, size, seed in keys.itertuples(index=False)
        ]

    @cached_property
    def _tests(self) -> dict[tuple[str, int, str, str, str], Mapping[Any, Any]]:
        return {
            (row["dataset"], int(row["code_size"]), row["metric"], row["left"], row["right"]): row
            for row in self.tests.to_dict("records")
        }

    @cached_property
    def _ranks(self) -> dict[tuple[str, str, int, str], int]:
        """By case; without table columns in which nobody is told apart from anybody."""
        if self.ranks.empty:
            return {}
        columns = ["dataset", "variant", "code_size", "metric", "rank"]
        told = self.ranks.groupby(statistics.GROUP)["rank"].transform("max") > 1
        return {
            (dataset, variant, int(size), metric): int(rank)
            for dataset, variant, size, metric, rank in self.ranks.loc[told, columns].itertuples(
                index=False, name=None
            )
        }

    # Dictionaries of plain rows: a report asks thousands of times, and pandas takes a millisecond.

    @cached_property
    def _cases(self) -> dict[tuple[str, str, int, str], Mapping[Any, Any]]:
        return {
            (row["dataset"], row["variant"], int(row["code_size"]), row["metric"]): row
            for row in self.summary.to_dict("records")
            if not np.isnan(row["mean"])
        }

    @cached_property
    def _means(self) -> dict[tuple[str, str, int], dict[str, float]]:
        """By data set, metric and code size, of each variant."""
        found: dict[tuple[str, str, int], dict[str, float]] = {}
        for (dataset, variant, size, metric), row in self._cases.items():
            found.setdefault((dataset, metric, size), {})[variant] = row["mean"]
        return found

    @cached_property
    def _compared(self) -> dict[str, list[tuple[str, int]]]:
        """Variants and code sizes of each data set."""
        found: dict[str, list[tuple[str, int]]] = {dataset: [] for dataset in self.facts}
        columns = ["dataset", "variant", "code_size"]
        for dataset, variant, size in self.summary[columns].drop_duplicates().itertuples(False):
            found[dataset].append((variant, int(size)))
        return found


def read(
    folder: str | Path,
    roles: Mapping[str, str],
    asked: Mapping[str, Sequence[int]] | None = None,
) -> Results:
    """Read the results of one budget, whose variants have these roles; see `Results`.

    Raises
    ------
    AebenchError
        When a table or a data.json is missing or malformed, or a variant has no role.
    """
    folder = Path(folder)
    metrics = statistics.read_csv(folder / "metrics.csv", statistics.METRIC_COLUMNS)
    claims = statistics.read_csv(folder / "claims.csv", CLAIM_COLUMNS, _CLAIM_TEXT)
    controls = [f"control_{name}" for name, role in sorted(roles.items()) if role == "control"]
    measured = set(metrics["variant"])
    controls = [name for name in controls if name.removeprefix("control_") in measured]
    sureness = Sureness(
        statistics.read_csv(folder / "audit.csv", [*statistics.AUDIT_COLUMNS, *controls]),
        statistics.read_csv(folder / "tests.csv", statistics.TEST_COLUMNS),
        statistics.read_csv(folder / "ranks.csv", statistics.RANK_COLUMNS),
    )
    return Results(folder, metrics, claims, sureness, roles, asked)


def _arrays(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Arrays of an .npz file, or those named; none when it does not exist."""
    return read_arrays(path, *names) if path.is_file() else {}
