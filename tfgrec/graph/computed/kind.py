"""What a kind of computed request features has to say for itself."""

import abc
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, Protocol

import numpy as np

from tfgrec.config import TablesConfig
from tfgrec.graph.recorded_candidate import RecordedCandidate
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore

Side = Literal["user", "item"]
# Of a definition and a candidate: the value that the record has to have.
Recount = Callable[[Any, RecordedCandidate], float]


class Plan(Protocol):
    """Definitions put together, for candidates of one node set."""

    def count(self, store: GraphStore, requests: RequestBatch) -> dict[str, np.ndarray]:
        """Features by name, float32 `[num_candidates]`, which depend on no other request of the batch."""


class ComputedKind(abc.ABC):
    """One kind of request features that are computed from the graph, scalar float32 numbers.

    The sampler, the feature service, the checks, the audit and the pipeline ask these methods, of all KINDS. A
    definition is what tables.yaml says of one feature.
    """

    @property
    @abc.abstractmethod
    def section(self) -> str:
        """The key of `requests` in tables.yaml under which definitions are, by the names of their features."""

    @abc.abstractmethod
    def mismatches(self, schema: GraphSchema, tables: TablesConfig) -> Iterator[str]:
        """All that definitions ask for and graph.pbtxt does not have, one message each, key first."""

    @abc.abstractmethod
    def plan(self, schema: GraphSchema, definitions: Mapping[str, Any], item_node_set: str) -> Plan:
        """Puts definitions together; raises ConfigurationError for what the schema does not have."""

    @abc.abstractmethod
    def absent(self, definition: Any) -> float:
        """The value where the graph has nothing to tell, as for a node that it does not know."""

    @abc.abstractmethod
    def own_side(self, definition: Any) -> Side | None:
        """The side that has the feature by itself, whoever asks for it; None where it needs both."""

    @abc.abstractmethod
    def recount(self, store: GraphStore, delays: Mapping[str, int], time: int) -> Recount:
        """Counts again, for the audit, from the edges themselves: by no code that `plan` counts by.

        `delays` are feedback delays in milliseconds by edge set, `time` is the request's in milliseconds since 1970.
        """

    def map_files(self, store: GraphStore, definitions: Mapping[str, Any]) -> None:  # noqa: B027
        """Maps the files that every request needs, so that a service's first one does not wait; must not fail."""

    def read_features(self, definition: Any) -> set[str]:
        """The requests' own features that the feature is computed from."""
        return set()

    def aged_edge_sets(self, definition: Any) -> list[str]:
        """The edge sets of which the feature tells how many seconds old an edge is, -1 for none, if it does."""
        return []

    def is_added_up(self, definition: Any) -> bool:
        """Whether it is a sum or a mean of floats, that another order of adding changes in its last digits."""
        return False

    def lowest(self, definition: Any) -> float | None:
        """The least that it can be, whatever the data; None where that isn't known."""
        return None

    def grows(self, definition: Any) -> bool:
        """Whether it has no upper bound, even where the largest in the data looks like one."""
        return False
