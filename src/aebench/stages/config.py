"""config.yaml as data: plain values, of bounded size, every key once.

Snakemake itself reads a configuration with PyYAML's FullLoader, which knows tags of Python, and
runs the expressions of a file that says `__use_yte__: true`. So ours is read here first.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from yaml import (
    MappingNode,
    MarkedYAMLError,
    Node,
    SafeLoader,
    ScalarNode,
    SequenceNode,
    YAMLError,
)

from aebench.errors import AebenchError, shown

LARGEST = 100_000  # bytes; the one that comes with aebench has 5,000
MOST_VALUES = 2_000  # with those of aliases counted each time they stand for

RESERVED = ("__use_yte__", "pathvars")
"""Keys that Snakemake would take for a program, or for other folders than results and reports."""

TAGS = ("str", "int", "float", "bool", "null", "seq", "map", "merge")
_ALLOWED = "text (in quotes where it looks like a date), numbers, true, false, null, lists, tables"
_TAG = "tag:yaml.org,2002:"
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]*)")


def read(path: str | Path) -> dict[str, Any]:
    """Read a configuration without running anything it says.

    Raises
    ------
    AebenchError
        When the file cannot be read, is larger than LARGEST bytes or no YAML; when it has other
        values than text, numbers, true, false, null, lists and tables, or more than MOST_VALUES;
        when a key stands twice, is no text, or is one of RESERVED. Names the line.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise AebenchError(f"cannot read {path}: {error.strerror}.") from error
    if len(content) > LARGEST:
        raise AebenchError(f"{path} is larger than the {LARGEST:,} bytes that are allowed.")
    try:
        loader = SafeLoader(content.decode("utf-8-sig"))
        node = loader.get_single_node()
        if not isinstance(node, MappingNode):
            raise AebenchError(f"{path}: a table of keys at the top level is needed.")
        _check(node, path)
        return loader.construct_document(node)
    except RecursionError as error:
        raise AebenchError(f"{path} is nested too deeply.") from error
    except (YAMLError, ValueError, LookupError) as error:  # KeyError: of !!bool 3
        raise AebenchError(f"{path} is not YAML that can be read: {_why(error)}.") from error


def check_size(config: Mapping[str, Any]) -> None:
    """Refuse a configuration of more than MOST_VALUES values, or with a key that is no text.

    One that `--config` and `--configfile` have added to was not read by `read` alone.
    """
    waiting: list[Any] = [config]
    for number in itertools.count():
        if number == len(waiting):
            return
        if number == MOST_VALUES:
            raise AebenchError(f"config has more than the {MOST_VALUES:,} values allowed.")
        value = waiting[number]
        if isinstance(value, Mapping):
            wrong = [key for key in value if not isinstance(key, str)]
            if wrong:
                raise AebenchError(f"config: the key {shown(wrong[0])} is no text.")
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _why(error: Exception) -> str:
    if isinstance(error, MarkedYAMLError):
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        return f"{line}{shown(error.problem or error.context)}"
    return shown(" ".join(str(error).split()))


def _check(root: MappingNode, path: Path) -> None:
    """Refuse what is no plain data before it is made into values."""

    def refuse(node: Node, why: str) -> None:
        raise AebenchError(f"{path}: line {node.start_mark.line + 1}: {why}.")

    for node in _each(root):
        tag = node.tag.removeprefix(_TAG)
        if tag not in TAGS or (tag in ("seq", "map")) == isinstance(node, ScalarNode):
            refuse(node, f"{_words(node)} is of type {shown(tag)}; allowed are {_ALLOWED}")
        if tag == "int" and not _DECIMAL.fullmatch(node.value):
            refuse(node, f"{_words(node)} is a whole number that is not written in decimal")
        if tag == "float" and isinstance(node, ScalarNode) and not _is_finite(node):
            refuse(node, f"{_words(node)} is not a finite number")
        if isinstance(node, MappingNode):
            _check_keys(node, refuse)
        if any(key.tag == f"{_TAG}merge" for key, _ in (root.value if node is root else [])):
            refuse(node, "`<<` is not allowed at the top level")
    for key, _ in root.value:
        if key.value in RESERVED:
            refuse(key, f"the key {key.value} is not allowed")
    if _count(root, {}, path) > MOST_VALUES:
        raise AebenchError(f"{path} has more than the {MOST_VALUES:,} values that are allowed.")


def _is_finite(node: ScalarNode) -> bool:
    return math.isfinite(SafeLoader("").construct_yaml_float(node))


def _check_keys(node: MappingNode, refuse: Any) -> None:
    seen = set()
    for key, _ in node.value:
        if key.tag not in (f"{_TAG}str", f"{_TAG}merge"):
            refuse(key, f"the key {_words(key)} is no text; put it in quotes")
        if key.value in seen:
            refuse(key, f"the key {_words(key)} stands twice")
        seen.add(key.value)


def _words(node: Node) -> str:
    return repr(shown(node.value)) if isinstance(node, ScalarNode) else "what stands here"


def _inside(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [each for pair in node.value for each in pair]
    return node.value if isinstance(node, SequenceNode) else []


def _each(root: Node) -> Iterator[Node]:
    """Go through every node once, also where aliases lead to it again or in a circle."""
    seen, waiting = {id(root)}, [root]
    while waiting:
        node = waiting.pop()
        yield node
        new = [each for each in _inside(node) if id(each) not in seen]
        seen.update(map(id, new))
        waiting += new


def _count(node: Node, known: dict[int, int], path: Path) -> int:
    """How many values a node holds, those of its aliases counted each time."""
    if id(node) not in known:
        known[id(node)] = 0
        known[id(node)] = 1 + sum(_count(each, known, path) for each in _inside(node))
    elif not known[id(node)]:
        raise AebenchError(f"{path}: line {node.start_mark.line + 1}: an alias holds itself.")
    return known[id(node)]
