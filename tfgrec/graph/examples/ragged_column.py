"""Lists of values, one a row, as NumPy and Arrow hold the values: without an Arrow list of each column on the way."""

import dataclasses

import numpy as np
import pyarrow as pa


@dataclasses.dataclass(frozen=True)
class RaggedColumn:
    """The list of row r is `values[splits[r]:splits[r + 1]]`.

    Attributes:
      values: int64 or float32 `[num_values]`, or an Arrow column of strings or bytes.
      splits: int64 `[num_rows + 1]`, from 0 to `num_values`.
    """

    values: np.ndarray | pa.Array
    splits: np.ndarray
