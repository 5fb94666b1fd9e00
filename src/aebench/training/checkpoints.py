"""Checkpoints: a training that was killed goes on from its last one, to the same bits.

Whoever trains joins a checkpoint with a function that tells its state, a tree of dicts and lists of
tensors and plain values, and is given what an earlier process left of it. States nest: a layer's
lies inside a network's, that inside the job's; all of them go to disk together, in one file.
"""

import hashlib
import json
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aebench import __version__
from aebench.errors import AebenchError
from aebench.files import atomic

MINUTES = 5.0
"""Of training that a kill costs at most."""

PACKAGE = Path(__file__).parents[1]
SOURCES = ("models/**/*.py", "training/**/*.py", "streams.py")
"""Whose change makes another training."""

State = Callable[[], Mapping[str, Any]]


class Checkpoint:
    """What of a training is done, kept in a file that appears whole or not at all.

    Parameters
    ----------
    path : path, optional
        A file of safetensors, with the rest of the state in its header. Without a path nothing is
        kept.
    minutes : float
        Of training between two writings; the ends of layers and of seeds are written, too.
    """

    def __init__(self, path: str | Path | None = None, minutes: float = MINUTES) -> None:
        self._path = None if path is None else Path(path)
        self._every = 60 * minutes
        self._next = float("inf")
        self._states: dict[str, State] = {}
        self._found: dict[str, Any] = {}
        self._warned = False

    def open(self, identity: Mapping[str, Any]) -> None:
        """Read what an earlier process left, if it was the same training.

        Parameters
        ----------
        identity : mapping
            What the training's result depends on, in values of JSON. The versions and the sources
            that train are added. A file of another identity, or one that is damaged, is ignored
            with one line on stderr.
        """
        if self._path is None:
            return
        identity = {**identity, "versions": versions(), "sources": sources()}
        self._identity = json.loads(json.dumps(identity))
        self._next = time.monotonic() + self._every
        if not self._path.exists():
            return
        try:
            self._found = read(self._path, self._identity)
            self._say(f"training goes on from {self._path}")
        except Exception as error:  # a flipped byte can raise anything inside json and safetensors
            reason = str(error) if isinstance(error, AebenchError) else "it cannot be read"
            self._say(f"checkpoint {self._path} is ignored: {reason}; training starts anew")

    def __contains__(self, name: str) -> bool:
        """Whether a state of that name was found and waits to be taken up."""
        return name in self._found

    def join(self, name: str, state: State) -> dict[str, Any] | None:
        """Keep a state from now on.

        Parameters
        ----------
        name : str
        state : callable
            Tells the state whenever the checkpoint is written.

        Returns
        -------
        found : dict or None
            What `state` told an earlier process, its tensors on the CPU.
        """
        if self._path is None:
            return None
        self._states[name] = state
        return self._found.pop(name, None)

    def leave(self, name: str) -> None:
        """Keep a state no longer, nor those that joined after it."""
        if name in self._states:
            names = [*self._states]
            for inner in names[names.index(name) :]:
                del self._states[inner]
        self._found = {}  # of a training given up

    def step(self) -> None:
        """Note that the state is one to go on from; it is written now and then."""
        if time.monotonic() >= self._next:
            self.write()

    def write(self) -> None:
        """Write all states; a full disk is said once, and is no reason to stop."""
        if self._path is None:
            return
        try:
            write(self._path, self._identity, {k: state() for k, state in self._states.items()})
        except (AebenchError, OSError, MemoryError) as error:
            if not self._warned:
                self._say(f"no checkpoint was written, training goes on without: {error}")
            self._warned = True
        self._next = time.monotonic() + self._every

    def remove(self) -> None:
        """Remove the file, and what processes killed while writing it left beside it."""
        if self._path is None:
            return
        partial = f".{self._path.stem}.*.partial{self._path.suffix}"  # as `atomic` names them
        for file in [self._path, *self._path.parent.glob(partial)]:
            with suppress(OSError):
                file.unlink(missing_ok=True)

    @staticmethod
    def _say(message: str) -> None:
        print(message, file=sys.stderr, flush=True)


NO_CHECKPOINT = Checkpoint()


def may_overwrite(path: str | Path) -> bool:
    """Whether nothing but a checkpoint, perhaps a damaged one, is at that path."""
    try:
        with open(path, "rb") as file:
            return b'{"__metadata__":{' in file.read(64)
    except FileNotFoundError:
        return True


def write(path: Path, identity: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a state, atomically.

    Raises
    ------
    AebenchError
        When the disk is full or the folder not writable.
    """
    from safetensors.numpy import save

    arrays: dict[str, np.ndarray] = {}
    texts = {
        "state": json.dumps(_without_tensors(state, "", arrays)),
        "identity": json.dumps(identity, sort_keys=True),
    }
    texts["crc32"] = _checksum(texts, arrays)
    with atomic(path) as temporary:
        temporary.write_bytes(save(arrays, texts))  # an OSError when the disk is full


def read(path: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Read a state.

    Raises
    ------
    AebenchError
        When it is another training's or damaged; damage may raise anything else, too.
    """
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        texts = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if texts["crc32"] != _checksum(texts, arrays):
        raise AebenchError("it is damaged")
    found = json.loads(texts["identity"])
    differing = [key for key in identity if found.get(key) != identity[key]]
    if differing or found.keys() != identity.keys():
        raise AebenchError(f"it is of another training ({', '.join(differing)} differ)")
    return _with_tensors(json.loads(texts["state"]), arrays)


def _checksum(texts: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> str:
    """Sum up all that is written: against damage, for which a faster sum than sha256 will do."""
    found = zlib.crc32(json.dumps([texts["state"], texts["identity"]]).encode())
    for name, array in sorted(arrays.items()):
        found = zlib.crc32(f"{name} {array.dtype} {array.shape}".encode(), found)
        found = zlib.crc32(np.ascontiguousarray(array).data, found)
    return f"{found:08x}"


TENSOR = "tensor"
"""The key of the dict that stands for a tensor in JSON; the value is its name."""


def _without_tensors(tree: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """Replace a tree's tensors by names under which they are put into `arrays`."""
    if isinstance(tree, torch.Tensor):
        arrays[path] = tree.detach().cpu().numpy()
        return {TENSOR: path}
    if isinstance(tree, Mapping):
        return {key: _without_tensors(tree[key], f"{path}/{key}", arrays) for key in tree}
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return [_without_tensors(each, f"{path}/{i}", arrays) for i, each in enumerate(tree)]
    return tree


def _with_tensors(tree: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(tree, list):
        return [_with_tensors(each, arrays) for each in tree]
    if not isinstance(tree, dict):
        return tree
    if tree.keys() == {TENSOR}:
        return torch.from_numpy(np.array(arrays[tree[TENSOR]]))
    return {key: _with_tensors(value, arrays) for key, value in tree.items()}


# ------------------------------------------------------------ parts of a state


@torch.no_grad()
def refill(tensors: Iterable[torch.Tensor], found: Iterable[torch.Tensor]) -> None:
    """Copy what was found into tensors that stay where they are."""
    for tensor, value in zip(tensors, found, strict=True):
        tensor.copy_(value)


def positions(generators: Iterable[torch.Generator]) -> list[torch.Tensor]:
    """Where generators of random numbers stand."""
    return [generator.get_state() for generator in generators]


def reposition(generators: Iterable[torch.Generator], found: Iterable[torch.Tensor]) -> None:
    """Put generators where others stood."""
    for generator, position in zip(generators, found, strict=True):
        generator.set_state(position)


# ----------------------------------------------------------- parts of identity


def versions() -> dict[str, str]:
    """Versions of what computes."""
    return {
        "aebench": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }


@lru_cache(maxsize=1)
def sources() -> str:
    """Hash the sources that train."""
    digest = hashlib.sha256()
    for file in sorted(path for pattern in SOURCES for path in PACKAGE.glob(pattern)):
        digest.update(f"{file.relative_to(PACKAGE)}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def fingerprint(matrix: Any) -> str:
    """Hash an array or a CSR matrix."""
    arrays = [matrix] if isinstance(matrix, np.ndarray) else _arrays_of(matrix)
    digest = hashlib.sha256(str((matrix.shape, [a.dtype.str for a in arrays])).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _arrays_of(matrix: Any) -> list[np.ndarray]:
    return [matrix.data, matrix.indices, matrix.indptr]
