"""Requests of a log's rows, for benchmarks of what answers them."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from tfgrec.config import TablesConfig
from tfgrec.config.tables import TimePart, as_column
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.rows.times import read_times


def read_requests(tables: TablesConfig, data: Path, count: int) -> list[OnlineRequest]:
    """Requests of `count` rows of the first source of requests, picked at random, with the candidates that share them.

    Reads one Parquet or CSV file, and features that need no reading of text.
    """
    source = tables.requests.sources[0]
    table = tables.tables[source.table]
    path = data / table.path
    rows = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    rows["#time"] = read_times(pa.array(rows[table.time.column]), table.time).values.to_pandas()
    features = {
        name: as_column(of).column for name, of in tables.requests.features.items() if not isinstance(of, TimePart)
    }
    keys = [source.user, "#time", *source.group_by]
    chosen = rows.sample(min(count, len(rows)), random_state=0)[keys].drop_duplicates()
    groups = chosen.merge(rows, on=keys).groupby(keys, sort=False)
    return [
        OnlineRequest(
            user=group[source.user].iloc[0],
            time=group["#time"].iloc[0],
            items=group[source.item].tolist(),
            features={name: group[column].tolist() for name, column in features.items()},
            item_node_set=source.item_node_set,
        )
        for _, group in groups
    ]
