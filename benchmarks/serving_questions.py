"""What the signatures of an export are asked, for requests of as many candidates as one likes."""

import numpy as np
import tensorflow as tf

from tfgrec.config import RunConfig, TablesConfig
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.serving.clients.client import Inputs, ModelClient
from tfgrec.serving.signatures.all_signatures import ENCODE_ITEM, ENCODE_USER, RANK, RANK_CACHED, RANK_DENSE
from tfgrec.serving.signatures.encode import STATE
from tfgrec.serving.signatures.names import EXAMPLES
from tfgrec.serving.signatures.rank_cached import ITEM_STATES
from tfgrec.serving.signatures.request_columns import parse_examples, request_columns


class Questions:
    """Makes the inputs of all signatures.

    Args:
      config: the run's configuration.
      tables: the data set's tables.
      graph: the graph store.
      schema: what the export's requests hold.
      model: the export, which is asked for the states of items.
    """

    def __init__(
        self, config: RunConfig, tables: TablesConfig, graph: str, *, schema: GraphSchema, model: ModelClient
    ) -> None:
        self._store = GraphStore.open(graph)
        of = {"store": self._store, "sampling": config.sampling, "requests": tables.requests}
        self._service, self._solo = ExampleService(**of), SoloExamples(**of)
        self._columns, self._model = request_columns(schema), model

    def of_request(self, request: OnlineRequest) -> dict[str, Inputs]:
        """The inputs of each signature, for one request; `encode_user` and `encode_item` are asked for as many users
        and items as it has candidates."""
        whole, plain = self._service.examples([request]), self._service.examples([request], with_items=False)
        states = self._model.predict(ENCODE_ITEM, {EXAMPLES: whole})[STATE]
        return {
            RANK: {EXAMPLES: whole},
            RANK_DENSE: self._dense(whole),
            RANK_CACHED: {EXAMPLES: plain, ITEM_STATES: states},
            ENCODE_USER: {EXAMPLES: self._service.query_examples([request]) * len(request.items)},
            ENCODE_ITEM: {EXAMPLES: self._items(request)},
        }

    def _dense(self, examples: list[bytes]) -> Inputs:
        values = parse_examples(self._columns, tf.constant(examples))
        return {self._columns[name].argument: of_column.flat_values.numpy() for name, of_column in values.items()}

    def _items(self, request: OnlineRequest) -> list[bytes]:
        [node_set] = {request.item_node_set}
        items = self._store.lookup(node_set, request.items)
        return self._solo.items(node_set, items, np.full(len(items), request.time, np.int64))
