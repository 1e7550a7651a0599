"""tf.Examples of one side of a request: an item that no user asks for yet, or a user who has no candidates yet."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from tfgrec.config.sampling import SamplingConfig
from tfgrec.config.tables import Requests
from tfgrec.errors import InputDataError
from tfgrec.graph.computed.computed_features import computed_features
from tfgrec.graph.computed.kind import Side
from tfgrec.graph.examples.request_examples import RequestEncoder
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.schema import READOUT, Feature
from tfgrec.graph.store.columns import SCALARS
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.unknown_nodes import UnknownNodes


class SoloExamples:
    """Samples and encodes items without a user and users without items, by the plan of the training records.

    Nodes of one request share its subgraph, so that a user among an item's neighbours changes what is sampled around
    the item. An example of an item alone depends on the item and the time, and on nothing else; so does a user's on
    the user, the time and the request's features. Each has one `_readout` node. Of the computed features it has those
    of its own side; the others are as where there is no edge, and features that are not given are empty.

    Args:
      store: the graph.
      sampling: the plan of the hops.
      requests: the requests of tables.yaml.
    """

    def __init__(self, *, store: GraphStore, sampling: SamplingConfig, requests: Requests) -> None:
        self._requests = requests
        self._encoders = {
            side: RequestEncoder(store=store, sampling=sampling, computed=computed_features(requests, own=side))
            for side in ("user", "item")
        }
        self._computed = computed_features(requests)
        self.schema = self._encoders["item"].schema

    def items(self, item_node_set: str, items: np.ndarray, times: np.ndarray) -> list[bytes]:
        """One example an item: dense ids and times in milliseconds, int64 `[num_items]` each."""
        batch = RequestBatch(
            users=None,
            times=times,
            item_node_set=item_node_set,
            items=items,
            candidate_splits=np.arange(len(items) + 1),
            readout=self._readout("item", len(items), {}),
        )
        return self._encoders["item"].encode(batch).examples

    def users(
        self,
        users: np.ndarray,
        times: np.ndarray,
        item_node_set: str,
        features: Mapping[str, pa.Array] | None,
        unknown: Mapping[str, UnknownNodes] | None = None,
    ) -> list[bytes]:
        """One example a user, who looks for items of a node set.

        Args:
          users: dense ids, int64 `[num_users]`.
          times: milliseconds since 1970, int64 `[num_users]`.
          item_node_set: what the user looks for.
          features: the requests' own features by name, each `[num_users]`; None where they don't matter: empty ones.
          unknown: nodes that users may be, see RequestBatch.

        Raises:
          InputDataError: a feature of the requests is missing or unknown.
        """
        given, needed = set(features or ()), set(self._requests.features)
        if features is not None and given != needed:
            raise InputDataError(f"request features: expected {sorted(needed)}, received {sorted(given)}")
        batch = RequestBatch(
            users=users,
            times=times,
            item_node_set=item_node_set,
            items=None,
            candidate_splits=np.arange(len(users) + 1),
            readout=self._readout("user", len(users), features or {}),
            unknown=unknown or {},
        )
        return self._encoders["user"].encode(batch).examples

    def _readout(self, side: Side, count: int, features: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
        """All `_readout` features but those of the side that the encoder computes."""
        counted = computed_features(self._requests, own=side)
        declared = self.schema.node_sets[READOUT].features
        return {
            name: features[name] if name in features else _blank(feature, count, self._stand_in(name))
            for name, feature in declared.items()
            if name not in counted
        }

    def _stand_in(self, name: str) -> float:
        if name in self._requests.labels:
            return np.nan
        return self._computed[name].absent if name in self._computed else 0.0


def _blank(feature: Feature, count: int, number: float) -> pa.Array:
    kind = SCALARS[feature.dtype]
    if feature.multi_valued:
        return pa.array([[]] * count, pa.list_(kind))
    return pa.array([""] * count if feature.dtype == "string" else np.full(count, number), kind)
