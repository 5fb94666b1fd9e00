"""Damaged and hostile versions of a file, drawn by a seeded generator: equal seeds, equal bytes."""

import copy
import csv
import io
import json
import math
import random
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import yaml

WORDS = (
    "",
    " ",
    "all",
    "None",
    "nan",
    "../x",
    "../../../x",
    "/etc/passwd",
    "~/x",
    "a\nb",
    "a\r\n\tb",
    "a\x00b",
    "\x1b[31mred",
    "\u202eevil",
    "naïve 中文 \U0001f600",
    "e\u0301" * 50,
    "x" * 5000,
    "'",
    '"',
    "`id`",
    "$(id)",
    "; touch x",
    "{wildcard}",
    "{dataset}/{0.__class__}",
    "<results>",
    "<script>alert(1)</script>",
    "</script><b onclick='x'>",
    "$\\frac{1}{0}$",
    "\\input{/etc/passwd}",
    "=cmd|' /C calc'!A0",
    "| a | b |",
    "%s%n%d",
    "CON",
    "-rf",
    ".",
    "..",
)
NUMBERS = (-1, 0, 1, 2, 3, 10**4, 2**31, 2**63, 2**70, 10**40, -(2**70), 0.5, 1e308, -1e-308)
ODD = (None, True, False, math.nan, math.inf, -math.inf, [], {}, [[]], [None], {"": None}, [{}])
YAML_TEXTS = (
    "!!python/object/apply:os.system ['touch escaped']",
    "!!python/name:os.system",
    "!!binary aGVsbG8=",
    "!!set {a, b}",
    "!!timestamp 2020-13-45",
    "!!int zero",
    "!!bool 3",
    "!unknown x",
    "2020-01-01",
    "1:30:00",
    "010",
    "0x1F",
    "1_000",
    "1e3",
    ".nan",
    "-.inf",
    "~",
    "yes",
    "Off",
    "*nobody",
    "&a [*a]",
    "{<<: {a: 1}}",
    "{<<: 3}",
    "? [1]",
    "@x",
    "%x",
    "|\n  text\n   more",
    "'open",
    '"\\x"',
    '"\\ud800"',
    "[" * 40,
    "[" * 4000,
    "{a: " * 2000,
    "9" * 5000,
    "?open('escaped', 'w').write('x')",
)


def word(rng: random.Random) -> str:
    return rng.choice(WORDS)


def value(rng: random.Random) -> Any:
    """Any value that YAML or JSON may hold, the wrong one as a rule."""
    kind = rng.randrange(5)
    if kind == 0:
        return word(rng)
    if kind == 1:
        return rng.choice(NUMBERS)
    if kind == 2:
        return copy.deepcopy(rng.choice(ODD))
    if kind == 3:
        return [rng.choice((*WORDS, *NUMBERS)) for _ in range(rng.choice((1, 2, 1000)))]
    nested: Any = word(rng)
    for _ in range(rng.choice((1, 3, 60))):
        nested = {word(rng): nested} if rng.random() < 0.5 else [nested]
    return nested


# ---------------------------------------------------------------- bytes


def damaged(rng: random.Random, content: bytes) -> bytes:
    """Bytes flipped, cut, repeated, put in, or another file altogether."""
    kind = rng.randrange(7)
    at = rng.randrange(len(content) + 1)
    if kind == 0:
        flipped = bytearray(content)
        for _ in range(rng.choice((1, 1, 5, 50))):
            if flipped:
                flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
        return bytes(flipped)
    if kind == 1:
        return content[:at]
    if kind == 2:
        end = min(len(content), at + rng.randrange(1, 200))
        return content[:end] + content[at:end] * rng.randrange(1, 20) + content[end:]
    if kind == 3:
        return content[:at] + rng.randbytes(rng.randrange(1, 30)) + content[at:]
    if kind == 4:
        return rng.choice((b"", b"\0" * 100, rng.randbytes(300), b"\xff\xfe" + content))
    if kind == 5:
        return rng.choice((b"null", b"[]", b"{}", b"3", b"NaN", b'"text"', b"[" * 10**5))
    end = min(len(content), at + 8)  # a size or an offset that says something else
    return (
        content[:at] + struct.pack(">Q", rng.choice((0, 2**31, 2**63, 2**64 - 1))) + content[end:]
    )


# ---------------------------------------------------------------- structures


def changed(rng: random.Random, found: Any) -> Any:
    """Return a copy with a value replaced, a key more, one less, or one called otherwise."""
    found = copy.deepcopy(found)
    for _ in range(rng.choice((1, 1, 1, 3))):
        places = list(_places(found))
        owner, key = rng.choice(places) if places else (None, None)
        kind = rng.randrange(6)
        if owner is None or (kind == 0 and rng.random() < 0.2):
            return value(rng)
        if kind == 1:
            del owner[key]
        elif kind == 2 and isinstance(owner, dict):
            owner[word(rng)] = value(rng)
        elif kind == 3 and isinstance(owner, dict):
            owner[word(rng)] = owner.pop(key)
        elif kind == 4 and isinstance(owner, list):
            owner += [owner[key]] * rng.choice((1, 2000))
        else:
            owner[key] = value(rng)
    return found


def _places(found: Any) -> Any:
    keys = found if isinstance(found, dict) else range(len(found)) if _is_list(found) else ()
    for key in keys:
        yield found, key
        yield from _places(found[key])


def _is_list(found: Any) -> bool:
    return isinstance(found, list) and len(found) < 100


def json_text(rng: random.Random, content: bytes) -> bytes:
    if rng.random() < 0.3:
        return damaged(rng, content)
    text = json.dumps(changed(rng, json.loads(content)))
    return text.encode()


def yaml_text(rng: random.Random, content: bytes) -> bytes:
    """Text of a configuration, changed as a structure, as text, or as bytes."""
    kind = rng.randrange(4)
    if kind == 0:
        return damaged(rng, content)
    if kind == 1:
        found = changed(rng, yaml.safe_load(content))
        return yaml.safe_dump(found, allow_unicode=rng.random() < 0.5).encode(
            "utf-8", "surrogatepass"
        )
    lines = content.decode().splitlines(keepends=True)
    at = rng.randrange(len(lines))
    if kind == 2:  # a value as only YAML can say it
        new = rng.choice((*YAML_TEXTS, *WORDS))
        lines[at] = re.sub(r":[^\n]*", lambda _: f": {new}", lines[at], count=1)
        return "".join(lines).encode()
    added = rng.choice(
        (
            lines[rng.randrange(len(lines))],
            "__use_yte__: true\n",
            "pathvars: {results: ../out}\n",
            "<<: *a\n",
            "---\n",
            "...\n",
            "\t- x\n",
            "%YAML 9.9\n",
            "# " + word(rng) + "\n",
            laughs(rng),
        )
    )
    return "".join([*lines[:at], added, *lines[at:]]).encode()


def laughs(rng: random.Random) -> str:
    """Aliases that stand for a billion values, in lists or in merged tables."""
    lists = rng.random() < 0.5
    text = "l0: &l0 [x, x]\n" if lists else "l0: &l0 {k: 1}\n"
    for level in range(1, 30):
        aliases = ", ".join([f"*l{level - 1}"] * 2)
        text += f"l{level}: &l{level} "
        text += f"[{aliases}]\n" if lists else f"{{<<: [{aliases}], k{level}: 1}}\n"
    return text


# ---------------------------------------------------------------- tables and arrays


def csv_text(rng: random.Random, content: bytes) -> bytes:
    if rng.random() < 0.3:
        return damaged(rng, content)
    rows = list(csv.reader(io.StringIO(content.decode())))
    for _ in range(rng.choice((1, 1, 3))):
        kind = rng.randrange(6)
        row = rows[rng.randrange(len(rows))]
        place = rng.randrange(len(row)) if row else 0
        if kind == 0 and len(rows) > 1:
            rows.remove(row)
        elif kind == 1:
            rows.append(list(row))
        elif kind == 2:
            rows = [[cell for at, cell in enumerate(each) if at != place] for each in rows]
        elif kind == 3:
            row.append(word(rng))
        elif kind == 4:
            rows = rows[:1]
        elif row:
            row[place] = str(rng.choice((*WORDS, *NUMBERS, *ODD)))
        if not rows:
            break
    buffer = io.StringIO()
    csv.writer(buffer, escapechar="\\").writerows(rows)
    return buffer.getvalue().encode("utf-8", "surrogatepass")


def npz(rng: random.Random, content: bytes) -> bytes:
    """Arrays of other types, shapes and values, one more, one less, or one of Python objects."""
    if rng.random() < 0.3:
        return damaged(rng, content)
    with np.load(io.BytesIO(content)) as file:
        arrays: dict[str, Any] = {name: file[name] for name in file.files}
    name = rng.choice(sorted(arrays)) if arrays else "x"
    array = arrays.get(name, np.zeros(3))
    change = rng.choice((*ARRAYS, None))
    if change is None:
        arrays.pop(name, None)
    else:
        with np.errstate(all="ignore"):
            arrays[rng.choice((name, name, name, "extra"))] = change(array)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(rng: random.Random, content: bytes) -> bytes:
    if rng.random() < 0.3:
        return damaged(rng, content)
    buffer = io.BytesIO()
    with np.errstate(all="ignore"):
        np.save(buffer, rng.choice(ARRAYS)(np.load(io.BytesIO(content))))
    return buffer.getvalue()


def _filled(with_what: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda array: np.full(array.shape, with_what)


def _spoilt(with_what: float) -> Callable[[np.ndarray], np.ndarray]:
    def spoil(array: np.ndarray) -> np.ndarray:
        floats = np.issubdtype(array.dtype, np.floating)
        found = array.copy() if floats else array.astype(np.float64)
        found.reshape(-1)[:1] = with_what
        return found

    return spoil


def _first(with_what: int) -> Callable[[np.ndarray], np.ndarray]:
    def put(array: np.ndarray) -> np.ndarray:
        found = array.copy()
        found.reshape(-1)[:1] = np.array(with_what).astype(found.dtype)
        return found

    return put


ARRAYS: tuple[Callable[[np.ndarray], Any], ...] = (
    lambda array: array.astype(object),
    lambda array: array.astype(str),
    lambda array: array.astype(complex),
    lambda array: array.astype(np.float64),
    lambda array: array.astype(np.float16),
    lambda array: array.astype(np.int8),
    lambda array: array.astype(np.uint64),
    lambda array: array.astype(bool),
    lambda array: array.astype("datetime64[s]") if array.dtype.kind in "iu" else array.astype("S"),
    lambda array: array.reshape(-1),
    lambda array: array.T,
    lambda array: array[..., None],
    lambda array: array[:0],
    lambda array: array[:-1],
    lambda array: np.concatenate([array, array]) if array.ndim else array,
    lambda array: np.asarray(3),
    lambda array: np.zeros((0, 0, 0)),
    lambda array: np.zeros(array.shape, [("a", "i4"), ("b", "f8")]),
    lambda array: -array.astype(np.int64) - 1,
    lambda array: array[:, ::-1] if array.ndim == 2 else array[::-1] if array.ndim else array,
    _filled(0.0),
    _filled(math.nan),
    _filled(1e38),
    _filled(-5.0),
    _spoilt(math.nan),
    _spoilt(math.inf),
    _spoilt(-1e30),
    _first(255),
    _first(-1),
    _first(2**31 - 1),
)


def safetensors(rng: random.Random, content: bytes) -> bytes:
    """The header changed as a structure, its length kept right, or bytes damaged."""
    if rng.random() < 0.5:
        return damaged(rng, content)
    size = int.from_bytes(content[:8], "little")
    header = json.dumps(changed(rng, json.loads(content[8 : 8 + size]))).encode()
    return len(header).to_bytes(8, "little") + header + content[8 + size :]
