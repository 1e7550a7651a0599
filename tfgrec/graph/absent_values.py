"""What stands in a column for a value that is not there, where every node must have one."""

import numpy as np
import pyarrow as pa

from tfgrec.graph.schema import Feature
from tfgrec.graph.store.columns import SCALARS, arrow_type

ABSENT = {"int64": -(1 << 63), "string": "", "float32": np.nan}
"""By dtype. Models read them as the mean of numbers, and as an unknown time, category or id."""


def absent_values(feature: Feature, count: int) -> pa.Array:
    """A column `[count]` of a feature that is not there: ABSENT, or no value where there may be several."""
    if feature.multi_valued:
        return pa.array([[]] * count, arrow_type(feature))
    return pa.array([ABSENT[feature.dtype]] * count, SCALARS[feature.dtype])
