"""Tables that the tests of this folder start from.

The folder is no package: it would hide the standard library's `statistics`.
"""

import pandas as pd

from aebench.statistics import METRIC_COLUMNS


def tidy(values, metric="squared_error", dataset="mnist", size=30):
    """A tidy table from one list of values, one a seed, for each variant."""
    rows = [
        (dataset, variant, size, seed, "test", metric, float(value))
        for variant, of_seeds in values.items()
        for seed, value in enumerate(of_seeds)
    ]
    return pd.DataFrame(rows, columns=METRIC_COLUMNS)
