"""The exceptions that reach a user as a message instead of a traceback."""

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
