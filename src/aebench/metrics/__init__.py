"""What is measured: reconstruction, classification, retrieval. Knows nothing of models."""

from aebench.metrics.contract import check_run, read_run
from aebench.metrics.run import Limits, cost, samples, score_run

__all__ = ["Limits", "check_run", "cost", "read_run", "samples", "score_run"]
