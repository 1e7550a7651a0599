"""Requests as columns: what the sampler, the temporal degrees and the encoder are asked for."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from tfgrec.errors import InputDataError
from tfgrec.graph.unknown_nodes import UnknownNodes


@dataclasses.dataclass(frozen=True)
class RequestBatch:
    """Requests whose candidates are nodes of one item node set.

    Candidates of request r are those from `candidate_splits[r]` to `candidate_splits[r + 1]`; there may be none.

    Retrieval asks for one side at a time: for items that no user asks for yet, or for a user whose candidates are not
    known yet (a candidate that stands for no item then carries the request's features).

    Attributes:
      users: dense ids, int64 `[num_requests]`; None where there is no user.
      times: milliseconds since 1970, int64 `[num_requests]`.
      item_node_set: the node set of all candidates.
      items: dense ids, int64 `[num_candidates]`; None where candidates stand for no item.
      candidate_splits: int64 `[num_requests + 1]`.
      readout: request features and labels by name, each `[num_candidates]`; without the temporal degrees.
      unknown: by node set, nodes that users and items may be and that the graph does not know; their dense ids follow
        those of the graph.

    Raises:
      InputDataError: lengths don't fit, or a user or an item is -1.
    """

    users: np.ndarray | None
    times: np.ndarray
    item_node_set: str
    items: np.ndarray | None
    candidate_splits: np.ndarray
    readout: dict[str, pa.Array]
    unknown: Mapping[str, UnknownNodes] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        splits = self.candidate_splits
        num_requests, num_candidates = self.num_requests, int(splits[-1]) if self.items is None else len(self.items)
        if self.users is None and self.items is None:
            raise InputDataError("requests have neither users nor items")
        num_users = num_requests if self.users is None else len(self.users)
        if num_users != num_requests or len(splits) != num_requests + 1:
            raise InputDataError(f"{num_users} users, {num_requests} times and {len(splits)} candidate_splits")
        if splits[0] != 0 or splits[-1] != num_candidates or (np.diff(splits) < 0).any():
            raise InputDataError(f"candidate_splits must rise from 0 to the number of items, {num_candidates}")
        for name, column in self.readout.items():
            if len(column) != num_candidates:
                raise InputDataError(f"readout '{name}' has {len(column)} values for {num_candidates} candidates")
        for kind, nodes in (("user", self.users), ("item", self.items)):
            unknown = () if nodes is None else np.flatnonzero(nodes < 0)
            if len(unknown):
                raise InputDataError(f"{kind} {unknown[0]} of the batch is unknown to the graph store")

    @property
    def num_requests(self) -> int:
        """The number of requests."""
        return len(self.times)

    @property
    def num_candidates(self) -> int:
        """The number of candidates of all requests."""
        return int(self.candidate_splits[-1])

    @property
    def candidate_requests(self) -> np.ndarray:
        """The request, int64 `[num_candidates]`, of each candidate."""
        return np.repeat(np.arange(self.num_requests), np.diff(self.candidate_splits))
