"""Rows of tables that feed no edge, since they name the id of an earlier row once more."""

from collections.abc import Iterable

import numpy as np
import pandas as pd


class RowsSetAside:
    """Looks rows up by binary search, so that many of them cost a batch hardly more than few.

    Args:
      places: (table, number of its file, row) of each.
    """

    def __init__(self, places: Iterable[tuple[str, int, int]]) -> None:
        frame = pd.DataFrame(list(places), columns=["table", "file", "row"])
        self._rows = {key: np.unique(rows.to_numpy(np.int64)) for key, rows in frame.groupby(["table", "file"])["row"]}

    def holds(self, table: str, files: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Whether each row, given by its file and its place there, is set aside; bool `[num_rows]`."""
        found = np.zeros(len(rows), bool)
        for file in np.unique(files):
            known = self._rows.get((table, int(file)))
            if known is not None:
                of_file = np.flatnonzero(files == file)
                places = np.minimum(np.searchsorted(known, rows[of_file]), len(known) - 1)
                found[of_file] = known[places] == rows[of_file]
        return found
