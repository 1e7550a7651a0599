"""Which columns of a log say what came of a row: labels of 0 and 1, and ratings."""

import re
from collections.abc import Sequence

import pyarrow.compute as pc

from tfgrec.draft.table_looks import TableLook
from tfgrec.errors import ConfigurationError
from tfgrec.graph.rows.cells import read_cells

OUTCOMES = "a column of 0 and 1 in which both are, or numbers named rating, score or stars"
_RATING = re.compile(r"(?i)^(rating|score|stars)$")
_MOST_LABELS = 3
_LEAST_POSITIVE = 0.001


def binary_columns(log: TableLook, taken: set[str]) -> dict[str, float]:
    """Columns of 0 and 1, each with the share of its ones."""
    found = {}
    for name, look in log.columns.items():
        is_candidate = name not in taken and look.dtype == "int64" and not look.several and look.distinct == 2
        if is_candidate and set(look.values.to_pylist()) == {0, 1}:
            found[name] = pc.mean(read_cells(look.cells, "float64").values).as_py()
    return found


def labels_of(log: TableLook, given: Sequence[str], taken: set[str], why: dict[str, str]) -> list[str]:
    """The labels that are given or, of columns of 0 and 1, those nearest to one half.

    Raises:
      ConfigurationError: what is given is no column of 0 and 1.
    """
    binary = binary_columns(log, taken)
    for name in given:
        log.column(name, "--labels")
        if name not in binary:
            rating = "; without --labels it is learned as a regression" if _RATING.match(name) else ""
            some = ", ".join(map(str, log.columns[name].values[:4].to_pylist()))
            raise ConfigurationError(
                f"--labels {name}: is not a column of 0 and 1 alone in {log.path}, with both in it: has {some}{rating}"
            )
    if given:
        return list(given)
    usable = [name for name, share in binary.items() if _LEAST_POSITIVE <= share <= 1 - _LEAST_POSITIVE]
    # What is nearest to one half tells most.
    chosen = sorted(usable, key=lambda name: abs(binary[name] - 0.5))[:_MOST_LABELS]
    left = [name for name in binary if name not in chosen]
    others = f"; left out: {', '.join(left)}" if left else ""
    if chosen:
        why["labels"] = f"columns of 0 and 1, those nearest to one half{others}"
    return chosen


def rating_of(log: TableLook, taken: set[str]) -> str | None:
    """The column of ratings, by its name and its numbers."""
    for name, look in log.columns.items():
        if name not in taken and _RATING.match(name) and look.dtype in ("int64", "float32") and look.distinct > 2:
            return name
    return None
