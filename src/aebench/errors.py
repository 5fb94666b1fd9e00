"""The exceptions that reach a user as a message instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

NO_MEMORY = ("out of memory", "DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED")
"""PyTorch's words for it, in a RuntimeError."""

LONGEST = 120
"""Letters of a value that a message shows."""


def shown(value: object) -> str:
    """Return a value as messages show it: on one line, unprintable signs escaped, long ones cut."""
    text = str(value).strip()
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


class AebenchError(Exception):
    """Something the user can mend: says what was found, where, and what is allowed."""


class ParameterError(AebenchError, ValueError):
    """A parameter outside what its estimator allows."""


class TrainingError(AebenchError, ArithmeticError):
    """Training left the finite numbers."""


class MemoryFullError(AebenchError, MemoryError):
    """A computation that has no room in memory."""


@contextmanager
def memory_told() -> Iterator[None]:
    """Say in one message that the machine or its GPU has too little memory; also a decorator.

    Raises
    ------
    MemoryFullError
    """
    try:
        yield
    except AebenchError:
        raise
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in NO_MEMORY):
            raise
        said = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise MemoryFullError(
            f"not enough memory ({said}); let fewer jobs run at once (--cores, on a GPU "
            "--resources gpu_jobs=1), or choose a smaller batch_size, code size or number of items."
        ) from error
