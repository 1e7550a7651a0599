"""How many rows the `where` of edge sets let through: one that lets none through is a mistake in tables.yaml."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs.running.facts import Fact, of_kind
from tfgrec.config.tables import Scalar
from tfgrec.errors import InputDataError

_KIND = "where"
_EXAMPLES = 5
# Between the names of columns that are wanted together.
AND = " and "


def count_matches(
    edge_set: str, table: str, column: str, wanted: Sequence[Scalar], cells: pa.Array, matching: np.ndarray
) -> Fact:
    """What one column of one batch has of the `wanted` values; `cells` and `matching` are `[num_rows]`."""
    found = [] if matching.any() else pc.unique(cells.drop_null().slice(0, 1_000))[:_EXAMPLES].to_pylist()
    return {
        "kind": _KIND,
        "key": [edge_set, table, column],
        "wanted": list(wanted),
        "count": int(matching.sum()),
        "found": [str(value) for value in found],
    }


def check_matches(facts: Sequence[Fact]) -> None:
    """Refuses an edge set of which no row of a table has what `where` wants.

    Raises:
      InputDataError: names the edge set, the table, the column, the values wanted and some that were found.
    """
    by_key: dict[tuple[str, ...], list[Fact]] = {}
    for fact in of_kind(facts, _KIND):
        by_key.setdefault((*fact["key"], repr(fact["wanted"])), []).append(fact)
    for (edge_set, table, column, _), of_key in sorted(by_key.items(), key=lambda item: (AND in item[0][2], item[0])):
        if any(fact["count"] for fact in of_key):
            continue
        found = sorted({value for fact in of_key for value in fact["found"]})[:_EXAMPLES]
        nothing = "each of them alone" if AND in column else "only empty cells"
        wanted = " or ".join(repr(value) for value in of_key[0]["wanted"])
        raise InputDataError(
            f"tables.yaml: edge_sets.{edge_set}: where: no row of table '{table}' has {wanted} in column '{column}': "
            f"there is no such edge; found {', '.join(map(repr, found)) or nothing}"
        )
