"""The requests of a split whose user wanted something: what retrieval is measured on."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from tfgrec.data.examples_directory import Split
from tfgrec.data.parsed_records import read_records
from tfgrec.data.prediction_rows import PredictionRows
from tfgrec.graph.schema import ID, READOUT, Feature, GraphSchema
from tfgrec.graph.store.columns import arrow_type
from tfgrec.graph.store.graph_store import GraphStore

_FEATURE = "feature/"
_POSITIVE = "positive"
_USER, _ITEM = "#user", "#item"


@dataclasses.dataclass(frozen=True)
class Queries:
    """Requests for items of one node set, each with at least one that the user wanted.

    Attributes:
      users: dense ids, int64 `[num_queries]`.
      times: milliseconds since 1970, int64 `[num_queries]`.
      features: the requests' own features by name, each `[num_queries]`; of a request's first wanted candidate.
      wanted: dense ids, int64 `[num_wanted]`; those of query q from `splits[q]` to `splits[q + 1]`.
      splits: int64 `[num_queries + 1]`.
    """

    users: np.ndarray
    times: np.ndarray
    features: Mapping[str, pa.Array]
    wanted: np.ndarray
    splits: np.ndarray

    def part(self, start: int, stop: int) -> "Queries":
        """The queries from `start` to `stop`."""
        first, last = self.splits[start], self.splits[stop]
        features = {name: column[start:stop] for name, column in self.features.items()}
        splits = self.splits[start : stop + 1] - first
        return Queries(self.users[start:stop], self.times[start:stop], features, self.wanted[first:last], splits)

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The query and the item of each wanted item, int64 `[num_wanted]` each."""
        return np.repeat(np.arange(len(self.users)), np.diff(self.splits)), self.wanted


def read_queries(
    split: Split,
    *,
    schema: GraphSchema,
    store: GraphStore,
    user_node_set: str,
    features: list[str],
    positive: str,
    batch_size: int,
) -> dict[str, Queries]:
    """Reads a split's requests with positive candidates, by item node set, oldest first.

    Users and items that the graph does not know are left out: such users have seen nothing that could be left out of
    what is found, and no index has such items.

    Args:
      split: files of requests with labels.
      schema: what the records hold, labels included.
      store: the graph that they were sampled from.
      user_node_set: the users' node set.
      features: the requests' own features: what is given with a request, and not counted in the graph.
      positive: the label that is above zero where the user wanted the item.
      batch_size: requests read at once.
    """
    columns = {f"{_FEATURE}{name}": name for name in features} | {_POSITIVE: positive}
    rows = PredictionRows(schema, labels=columns, scenario=None)
    tables = [rows.read(serialized) for serialized in read_records(split.records).batch(batch_size)]
    table = pd.concat([wanted[(wanted[_POSITIVE] > 0) & wanted["item"].notna()] for wanted in tables])
    if "item_node_set" not in table:
        table["item_node_set"] = next(iter(schema.item_readouts()))
    declared = schema.node_sets[READOUT].features
    queries = {}
    for item_node_set, of_set in table.groupby("item_node_set", sort=True):
        of_set = of_set.drop_duplicates(["request", "item"]).sort_values(["time", "request"], kind="stable")
        items = store.lookup(item_node_set, of_set["item"].astype(_id_type(store, item_node_set)).to_numpy())
        users = store.lookup(user_node_set, of_set["user"].to_numpy())
        of_set = of_set.assign(**{_USER: users, _ITEM: items})[(users >= 0) & (items >= 0)]
        first = of_set.drop_duplicates("request")
        counts = of_set.groupby("request", sort=False).size().to_numpy()
        queries[item_node_set] = Queries(
            users=first[_USER].to_numpy(),
            times=first["time"].to_numpy(np.int64),
            features={name: _column(first[f"{_FEATURE}{name}"], declared[name]) for name in features},
            wanted=of_set[_ITEM].to_numpy(),
            splits=np.concatenate([[0], np.cumsum(counts)]),
        )
    return queries


def _column(values: pd.Series, feature: Feature) -> pa.Array:
    return pa.array(values.to_numpy(), arrow_type(feature))


def _id_type(store: GraphStore, node_set: str) -> str:
    """Where candidates come from several node sets, a table has all ids as text."""
    return "int64" if store.schema.node_sets[node_set].features[ID].dtype == "int64" else "object"
