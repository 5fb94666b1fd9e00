"""How sure the numbers are: intervals, noise between seeds, tests, ranks, and the self-audit.

All of it starts from the tidy table, one value a row (`tidy`), and, where two variants are
compared, from their values of single items.
"""

from aebench.statistics.across import Across, average_ranks
from aebench.statistics.audit import AT_CHANCE, NOT_AT_CHANCE, audit
from aebench.statistics.audit import COLUMNS as AUDIT_COLUMNS
from aebench.statistics.chance import Labels
from aebench.statistics.comparisons import Comparison, Items, Question, compare, ranks, tests
from aebench.statistics.intervals import Difference, difference, interval, summarise
from aebench.statistics.noise import between_seeds
from aebench.statistics.tidy import (
    CASE,
    CONFIDENCE,
    GROUP,
    METRIC_COLUMNS,
    RANK_COLUMNS,
    SUMMARY_COLUMNS,
    TEST_COLUMNS,
    TEXT,
    read_csv,
    sort_metrics,
    write_csv,
)

__all__ = [
    "AT_CHANCE",
    "AUDIT_COLUMNS",
    "CASE",
    "CONFIDENCE",
    "GROUP",
    "METRIC_COLUMNS",
    "NOT_AT_CHANCE",
    "RANK_COLUMNS",
    "SUMMARY_COLUMNS",
    "TEST_COLUMNS",
    "TEXT",
    "Across",
    "Comparison",
    "Difference",
    "Items",
    "Labels",
    "Question",
    "audit",
    "average_ranks",
    "between_seeds",
    "compare",
    "difference",
    "interval",
    "ranks",
    "read_csv",
    "sort_metrics",
    "summarise",
    "tests",
    "write_csv",
]
