"""What the signatures of an export take: in this process, and behind gRPC with client and server on one processor."""

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.interleaved import interleaved_seconds, median_ratio
from benchmarks.serving_examples import rounded, with_candidates
from benchmarks.serving_questions import Questions
from benchmarks.stand_in_process import MODEL, stand_in
from benchmarks.untrained_export import export_untrained
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.schema import GraphSchema
from tfgrec.serving.clients.client import Inputs
from tfgrec.serving.clients.grpc_client import GrpcClient
from tfgrec.serving.clients.saved_model_client import SavedModelClient
from tfgrec.serving.signatures.all_signatures import RANK, RANK_CACHED, RANK_DENSE
from tfgrec.serving.signatures.names import EXAMPLES
from tfgrec.serving.signatures.request_columns import parse_examples, request_columns

_GRPC = " by gRPC"
_NO_GRAPH, _PARSING, _WHOLE = "rank of no_graph", "parsing", "example and rank"
_COMPARED = 100
# Of more candidates, fewer rounds: they take longer.
_MOST_CANDIDATES = 20_000
_FEWEST_ROUNDS = 20
_WARM_UP_ROUNDS = 3

Contenders = Mapping[str, Callable[[], None]]


def measure_signatures(
    config: RunConfig,
    tables: TablesConfig,
    graph: str,
    examples: str,
    requests: Sequence[OnlineRequest],
    *,
    candidates: Sequence[int],
    rounds: int,
) -> dict[str, Any]:
    """Each signature of the untrained joint model, and `rank` of the same towers without graph, of the same requests.

    All take turns, so that a machine that slows down slows both sides of every ratio.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        exports = {}
        for arm in ("joint", "no_graph"):
            home = Path(folder, arm)
            home.mkdir()
            exports[arm], schema = export_untrained(config, arm, graph=graph, examples=examples, folder=home)
        address = stack.enter_context(stand_in(exports["joint"]))
        served = _Served(config, tables, graph, exports, schema=schema, address=address)
        found = {}
        for count in candidates:
            of_count = max(_FEWEST_ROUNDS, min(rounds, _MOST_CANDIDATES // count))
            asked = with_candidates(requests, count)[:of_count]
            contenders = served.contenders(asked)
            interleaved_seconds(contenders, _WARM_UP_ROUNDS)
            # There may be fewer items than that.
            found[len(asked[0].items)] = interleaved_seconds(contenders, of_count)
    compared = found[min(found, key=lambda count: abs(count - _COMPARED))]
    return {
        f"rank_{_COMPARED}_over_no_graph": median_ratio(compared, RANK, _NO_GRAPH),
        "cached_over_full": median_ratio(compared, RANK_CACHED, RANK),
        "dense_over_examples": median_ratio(compared, RANK_DENSE, RANK),
        "parsing_share_of_rank": median_ratio(compared, _PARSING, RANK),
        "requests_per_second": _told(compared[_WHOLE])["requests_per_second"],
        "signatures": {count: {name: _told(of) for name, of in rounds.items()} for count, rounds in found.items()},
    }


class _Served:
    """Exports, and all that is asked of them.

    Args:
      config: the run's configuration.
      tables: the data set's tables.
      graph: the graph store.
      exports: of arms joint and no_graph.
      schema: what their requests hold.
      address: where joint is served by gRPC.
    """

    def __init__(
        self,
        config: RunConfig,
        tables: TablesConfig,
        graph: str,
        exports: Mapping[str, Path],
        *,
        schema: GraphSchema,
        address: str,
    ) -> None:
        self._joint, self._no_graph = SavedModelClient(exports["joint"]), SavedModelClient(exports["no_graph"])
        self._server = GrpcClient(target=address, model=MODEL, timeout=60)
        self._questions = Questions(config, tables, graph, schema=schema, model=self._joint)
        self._service = ExampleService.open(graph, sampling=config.sampling, requests=tables.requests)
        columns = request_columns(schema)
        self._parse = tf.function(
            # One small answer of all columns: to hand them to Python would take longer than to parse them.
            lambda examples: tf.stack([tf.size(of.flat_values) for of in parse_examples(columns, examples).values()]),
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )

    def contenders(self, requests: Sequence[OnlineRequest]) -> Contenders:
        """What is timed, by name: each asks for the next of the requests."""
        asked = [self._questions.of_request(request) for request in requests]
        contenders: dict[str, Callable[[], None]] = {}
        for name in asked[0]:
            of_signature = [(name, inputs[name]) for inputs in asked]
            contenders[name] = _next_of(self._joint.predict, of_signature)
            contenders[name + _GRPC] = _next_of(self._server.predict, of_signature)
        whole = [inputs[RANK] for inputs in asked]
        contenders[_NO_GRAPH] = _next_of(self._no_graph.predict, [(RANK, inputs) for inputs in whole])
        contenders[_PARSING] = _next_of(self._parsed, [(inputs,) for inputs in whole])
        contenders[_WHOLE] = _next_of(self._ranked, [(request,) for request in requests])
        return contenders

    def _parsed(self, inputs: Inputs) -> None:
        self._parse(tf.constant(inputs[EXAMPLES]))

    def _ranked(self, request: OnlineRequest) -> None:
        self._joint.predict(RANK, {EXAMPLES: self._service.examples([request])})


def _next_of(function: Callable[..., object], arguments: Sequence[tuple]) -> Callable[[], None]:
    """Calls a function with the next of the arguments, and from the first again after the last."""
    endless = itertools.cycle(arguments)

    def call() -> None:
        function(*next(endless))

    return call


def _told(seconds: Sequence[float]) -> dict[str, float]:
    return {
        "ms_median": rounded(np.median(seconds) * 1_000),
        "ms_p99": rounded(np.quantile(seconds, 0.99) * 1_000),
        "requests_per_second": round(float(1 / np.mean(seconds)), 1),
    }
