"""What the configuration asks for: checked, and spelt out as runs, before anything starts."""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aebench import datasets
from aebench.errors import AebenchError, shown
from aebench.stages import config as config_file

VARIANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
"""What a variant may be called: its name stands in paths, rules, tables and figures."""

KINDS = ("images", "documents")
NESTED = ("code_sizes", "unseen", "budgets")
MAIN = "main"
FEATURES = "features"
"""A variant's words for code sizes: the main one of each data set alone; as many as it has
features."""

LIMITS = ("queries", "probe_items", "sample_items")
"""What a budget may limit in the evaluation."""

ROLES = ("autoencoder", "baseline", "control")
"""What a variant is in a comparison: autoencoders are compared with baselines; a control says what
a code is worth that learned nothing."""


WITHOUT_WEIGHT = ("checkpoint_minutes",)
"""Keys that change no result: nothing runs again for them, and no report names them."""


@dataclass(frozen=True)
class Plan:
    """A checked configuration.

    Attributes
    ----------
    config : mapping
        The whole configuration.
    datasets, variants : list of str
        What to compare, in order.
    """

    config: Mapping[str, Any]
    datasets: list[str]
    variants: list[str]

    @property
    def budget(self) -> Mapping[str, Any]:
        """The budget in force."""
        return self.config["budgets"][self.config["budget"]]

    def _scale(self, dataset: str) -> Mapping[str, Any]:
        own = self.budget.get("datasets", {}).get(dataset, {})
        return {**self.budget[datasets.kind(dataset)], **own}

    def limits(self, dataset: str) -> dict[str, int | None]:
        """How many training and test items to take; None for all."""
        items = self._scale(dataset).get("items", {})
        return {"train_items": items.get("train"), "test_items": items.get("test")}

    def epochs(self, dataset: str) -> dict[str, float]:
        """Epochs of pretraining and of each optimiser."""
        return dict(self._scale(dataset)["epochs"])

    def evaluation_limits(self, dataset: str) -> dict[str, int | None]:
        """How many queries, training items of the probes and sampled items; None for all."""
        scale = self._scale(dataset)
        return {key: scale.get(key) for key in LIMITS}

    def unseen(self, dataset: str) -> str | None:
        """Return the data set that models of this one are shown though they never saw it."""
        return self.config["unseen"].get(dataset)

    @property
    def prepared(self) -> list[str]:
        """Every data set that is needed: those compared, and the unseen ones."""
        unseen = (self.unseen(dataset) for dataset in self.datasets)
        return list(dict.fromkeys([*self.datasets, *(name for name in unseen if name)]))

    def main_code_size(self, dataset: str) -> int:
        """Return the code size that the configuration names first for this data set."""
        return self._shared_code_sizes(dataset)[0]

    def _shared_code_sizes(self, dataset: str) -> list[int]:
        shared = self.config["code_sizes"]
        return list(shared.get(dataset, shared[datasets.kind(dataset)]))

    def _code_sizes(self, dataset: str, own: list[int] | str | None) -> list[int]:
        """Code sizes, ascending, of a variant with its `own` ones, if any, on a data set."""
        shared = self._shared_code_sizes(dataset)
        main = shared[0]
        words = {
            MAIN: [main],
            FEATURES: [datasets.n_features(dataset, self.config["vocabulary_size"])],
        }
        sizes = words[own] if isinstance(own, str) else list(own or shared)
        if self.budget.get("main_code_size_only"):
            sizes = [main if main in sizes else sizes[0]]
        return sorted(sizes)

    def shown_code_sizes(
        self, dataset: str, comparisons: Sequence[tuple[str, str, int]]
    ) -> dict[str, int]:
        """By variant the main code size; of one that has it not, its smallest."""
        main = self.main_code_size(dataset)
        sizes: dict[str, list[int]] = defaultdict(list)
        for name, variant, size in comparisons:
            if name == dataset:
                sizes[variant].append(size)
        return {variant: main if main in own else min(own) for variant, own in sizes.items()}

    def comparisons(self, rules: Mapping[str, Any]) -> list[tuple[str, str, int]]:
        """Every (dataset, variant, code size) to train.

        Parameters
        ----------
        rules : mapping of variant to its rule's params
            `images` and `documents` there say which kinds of data the variant applies to; their
            `code_sizes`, if any, replace the configuration's: a list, or MAIN or FEATURES.
            `role`: see `role`.

        Raises
        ------
        AebenchError
            For a variant that applies to no kind, has no role, or names code sizes wrongly.
        """
        chosen = []
        for variant, params in rules.items():
            role(variant, params)
        for dataset in self.datasets:
            kind = datasets.kind(dataset)
            for variant, params in rules.items():
                if all(params.get(kind) is None for kind in KINDS):
                    raise AebenchError(
                        f"variant {variant}: its rule's params name neither `images` nor "
                        "`documents`; give at least one, an empty dict will do."
                    )
                if params.get(kind) is None:
                    continue
                own = _own_code_sizes(variant, kind, params[kind])
                chosen += [(dataset, variant, size) for size in self._code_sizes(dataset, own)]
        if not chosen:
            raise AebenchError(
                f"nothing to do: none of the variants {', '.join(self.variants)} applies to "
                f"{', '.join(self.datasets)}."
            )
        return chosen


def read(config: Mapping[str, Any], schema: Path, variant_files: Sequence[Path]) -> Plan:
    """Check a configuration against the schema and against what exists.

    Raises
    ------
    AebenchError
        Names the key, what was found and what is allowed.
    """
    config_file.check_size(config)
    _check_schema(config, schema)
    _one_of("budget", config["budget"], config["budgets"])
    budgeted = list(config["budgets"][config["budget"]]["datasets"])
    chosen = budgeted if config["datasets"] == "all" else list(config["datasets"])
    known = datasets.names()
    for key, names, allowed in (
        ("datasets", chosen, known),
        (f"budgets.{config['budget']}.datasets", budgeted, known),
        ("code_sizes", config["code_sizes"], [*KINDS, *known]),
        ("unseen", config["unseen"], known),
        ("unseen", config["unseen"].values(), known),
    ):
        for name in names:
            _one_of(key, name, allowed)
    for name, other in config["unseen"].items():
        _check_alike(name, other)
    existing = [file.stem for file in variant_files]
    for name in existing:
        if not VARIANT.fullmatch(name):
            raise AebenchError(
                f"workflow/variants/{shown(name)}.smk: a variant's name has up to 100 letters of "
                "a to z, A to Z, digits, hyphens and underscores, and begins with none of the last "
                "two; rename the file."
            )
    variants = existing if config["variants"] == "all" else list(config["variants"])
    for name in variants:
        _one_of("variants", name, existing)
    return Plan(config, chosen, variants)


def _check_alike(name: str, other: str) -> None:
    """Refuse an unseen data set whose items a model of `name` cannot take."""
    words = 1  # whatever their number: words of two data sets are not the same words
    pixels = [datasets.n_features(each, words) for each in (name, other)]
    if {datasets.kind(name), datasets.kind(other)} != {"images"} or pixels[0] != pixels[1]:
        raise AebenchError(
            f"config: unseen has '{other}' for '{name}'; allowed are image data sets with equally "
            "many pixels."
        )


def role(variant: str, params: Mapping[str, Any]) -> str:
    """Return what a variant is in a comparison, one of ROLES, as its rule's params say.

    A rule of the estimator AutoEncoder need not say it. Any other must: a wrong guess would count
    one side's result for the other.
    """
    found = params.get("role")
    if found is None and params.get("estimator") == "AutoEncoder":
        return "autoencoder"
    if found not in ROLES:
        what = "its rule's params name no `role`" if found is None else f"`role` is {found!r}"
        raise AebenchError(f"variant {variant}: {what}; allowed are {', '.join(ROLES)}.")
    return str(found)


def _own_code_sizes(variant: str, kind: str, own: Any) -> list[int] | str | None:
    """Code sizes that a variant's rule names for a kind of data; None when it leaves them out."""
    if not isinstance(own, Mapping):
        raise AebenchError(
            f"variant {variant}: `{kind}` is {own!r}; allowed is a dict of the estimator's "
            "parameters, which may be empty."
        )
    sizes = own.get("code_sizes")
    if sizes in (None, MAIN, FEATURES):
        return sizes
    whole = isinstance(sizes, list) and all(type(size) is int and size >= 1 for size in sizes)
    if not whole or not sizes or len(set(sizes)) < len(sizes):
        raise AebenchError(
            f"variant {variant}: code_sizes of `{kind}` is {sizes!r}; allowed is a list of "
            f"different whole numbers of at least 1, '{MAIN}' or '{FEATURES}'."
        )
    return list(sizes)


def _one_of(key: str, found: str, allowed: Any) -> None:
    if found not in allowed:
        raise AebenchError(f"config: {key} has '{shown(found)}'; allowed are {', '.join(allowed)}.")


def deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a configuration that decides results."""
    return {key: value for key, value in config.items() if key not in WITHOUT_WEIGHT}


def given(config: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Return what a configuration has otherwise than its file says: the command line's part."""
    written = config_file.read(file)
    return {key: value for key, value in config.items() if value != written.get(key)}


def overlooked(variants: Sequence[str], variant_files: Sequence[Path], file: Path) -> list[str]:
    """Return variants that are not chosen though their file is newer than the configuration's.

    Whoever wrote a list of variants and adds one later would wait for it in vain.
    """
    written = file.stat().st_mtime
    others = [path for path in variant_files if path.stem not in variants]
    return [path.stem for path in others if path.stat().st_mtime > written]


def _check_schema(config: Mapping[str, Any], schema: Path) -> None:
    import jsonschema
    import yaml

    checker = jsonschema.Draft202012Validator
    strict = checker.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number})
    validator = jsonschema.validators.extend(checker, type_checker=strict)
    rules = yaml.safe_load(schema.read_text(encoding="utf-8"))
    error = jsonschema.exceptions.best_match(validator(rules).iter_errors(config))
    if error is None:
        return
    where = ".".join(shown(part) for part in error.absolute_path) or "the top level"
    found = error.instance
    if error.validator == "additionalProperties" and isinstance(found, Mapping):
        allowed = list(error.schema.get("properties", {}))
        unknown = [key for key in found if key not in allowed]
        message = f"unknown key '{shown(unknown[0])}' at {where}; allowed are {', '.join(allowed)}."
    elif error.validator == "required":
        message = f"{where}: {error.message}."
    else:
        message = f"{where} is {shown(json.dumps(found, default=str))}; {_rule(error)}."
        if error.validator == "type" and {*error.absolute_path} & {*NESTED}:
            message += " Values inside it given by --config arrive as text: edit config.yaml or "
            message += "pass --configfile."
    raise AebenchError(f"config: {message}")


def _is_integer(_: Any, value: object) -> bool:
    """Not 30.0, which JSON Schema takes for 30: it would stand so in paths."""
    return type(value) is int


def _is_number(_: Any, value: object) -> bool:
    return type(value) is int or (isinstance(value, float) and math.isfinite(value))


def _rule(error: Any) -> str:
    """Say what a schema rule allows in plain words."""
    value = error.validator_value
    words = {
        "type": f"a value of type {value} is needed",
        "enum": f"allowed are {', '.join(map(str, value)) if isinstance(value, list) else value}",
        "const": f"allowed is {value!r}",
        "minimum": f"the smallest allowed is {value}",
        "exclusiveMinimum": f"it must be more than {value}",
        "maximum": f"the largest allowed is {value}",
        "maxLength": f"up to {value} letters are allowed",
        "minItems": "the list is empty or too short" if value else "",
        "maxItems": f"up to {value} are allowed",
        "maxProperties": f"up to {value} are allowed",
        "uniqueItems": "a value stands in it twice",
        "oneOf": "it must be `all` or a list of names",
        "minProperties": "at least one is needed",
        "pattern": "names have lower-case letters, digits and hyphens",
    }
    return words.get(error.validator, shown(error.message))


def failures(logs: Iterable[str | Path]) -> list[str]:
    """Collect the messages of failed jobs: the last lines of their logs."""
    messages = []
    for log in map(Path, logs):
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        messages += [line for line in text.splitlines()[-1:] if line.startswith("error: ")]
    return messages
