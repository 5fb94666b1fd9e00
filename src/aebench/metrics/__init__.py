"""What is measured: reconstruction, classification, retrieval. Knows nothing of models."""

from aebench.metrics.contract import check_run, read_run
from aebench.metrics.cost import throughput
from aebench.metrics.run import Limits, samples, score_run

__all__ = ["Limits", "check_run", "read_run", "samples", "score_run", "throughput"]
