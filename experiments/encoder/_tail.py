"""How far a rate of claims is above p."""

import numpy as np
import polars as pl
from scipy.stats import binom


def with_p_value(table: pl.DataFrame) -> pl.DataFrame:
    """Add the exact binomial p-value of so many claims among the used, each with probability p."""
    claims = (table["detection_rate"] * table["used"]).round().to_numpy()
    tail = np.asarray(binom.sf(claims - 1, table["used"].to_numpy(), table["p"].to_numpy()))
    return table.with_columns(detection_p_value=pl.Series(tail))
