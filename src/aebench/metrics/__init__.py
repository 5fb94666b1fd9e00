"""What is measured: reconstruction, classification, retrieval. Knows nothing of models."""

from aebench.metrics.contract import check_run, read_run
from aebench.metrics.run import samples, score_run

__all__ = ["check_run", "read_run", "samples", "score_run"]
