"""The exceptions that reach a user as a message instead of a traceback."""


class AebenchError(Exception):
    """Something the user can mend: says what was found, where, and what is allowed."""


class ParameterError(AebenchError, ValueError):
    """A parameter outside what its estimator allows."""


class TrainingError(AebenchError, ArithmeticError):
    """Training left the finite numbers."""


class MemoryFullError(AebenchError, MemoryError):
    """A computation that has no room in memory."""
