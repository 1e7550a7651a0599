"""Statistics of the numbers of edges and events, as the records hold them."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from tfgrec.graph.edge_numbers import edge_numbers
from tfgrec.graph.examples.ragged_column import RaggedColumn
from tfgrec.graph.schema import GraphSchema, is_history
from tfgrec.graph.statistics import StatisticsAccumulator, row_keys


def add_edge_numbers(
    statistics: StatisticsAccumulator,
    schema: GraphSchema,
    columns: Mapping[str, RaggedColumn],
    request_keys: np.ndarray,
) -> None:
    """Takes in the numbers of all edges and events of a batch of records, each as often as it was sampled.

    Args:
      statistics: made for the `edge_numbers` of the schema, and perhaps other features.
      schema: what a record holds.
      columns: of the records, see `to_ragged_columns`.
      request_keys: `row_keys` of the requests, uint64 `[num_requests]`.
    """
    for set_name, numbers in edge_numbers(schema).items():
        prefix = f"nodes/{set_name}" if is_history(set_name) else set_name
        of_set = {name: columns[f"{prefix}.{name}"] for name in numbers}
        splits = next(iter(of_set.values())).splits
        counts = np.diff(splits)
        places = np.arange(splits[-1]) - np.repeat(splits[:-1], counts)
        keys = row_keys(np.repeat(request_keys, counts), places)
        statistics.add(set_name, {name: pa.array(column.values) for name, column in of_set.items()}, keys)
