"""Requests as columns: what the sampler, the temporal degrees and the encoder are asked for."""

import dataclasses

import numpy as np
import pyarrow as pa

from tfgrec.errors import InputDataError


@dataclasses.dataclass(frozen=True)
class RequestBatch:
    """Requests whose candidates are nodes of one item node set.

    Candidates of request r are those from `candidate_splits[r]` to `candidate_splits[r + 1]`; at least one.

    Attributes:
      users: dense ids, int64 `[num_requests]`.
      times: milliseconds since 1970, int64 `[num_requests]`.
      item_node_set: the node set of all candidates.
      items: dense ids, int64 `[num_candidates]`.
      candidate_splits: int64 `[num_requests + 1]`.
      readout: request features and labels by name, each `[num_candidates]`; without the temporal degrees.

    Raises:
      InputDataError: lengths don't fit, a request has no candidate, or a user or an item is unknown (-1).
    """

    users: np.ndarray
    times: np.ndarray
    item_node_set: str
    items: np.ndarray
    candidate_splits: np.ndarray
    readout: dict[str, pa.Array]

    def __post_init__(self) -> None:
        num_requests, num_candidates = len(self.users), len(self.items)
        splits = self.candidate_splits
        if len(self.times) != num_requests or len(splits) != num_requests + 1:
            raise InputDataError(f"{num_requests} users, {len(self.times)} times and {len(splits)} candidate_splits")
        if splits[0] != 0 or splits[-1] != num_candidates or (np.diff(splits) < 1).any():
            raise InputDataError(f"candidate_splits must rise from 0 to the number of items, {num_candidates}")
        for name, column in self.readout.items():
            if len(column) != num_candidates:
                raise InputDataError(f"readout '{name}' has {len(column)} values for {num_candidates} candidates")
        for kind, nodes in (("user", self.users), ("item", self.items)):
            unknown = np.flatnonzero(nodes < 0)
            if len(unknown):
                raise InputDataError(f"{kind} {unknown[0]} of the batch is unknown to the graph store")

    @property
    def num_requests(self) -> int:
        """The number of requests."""
        return len(self.users)

    @property
    def num_candidates(self) -> int:
        """The number of candidates of all requests."""
        return len(self.items)

    @property
    def candidate_requests(self) -> np.ndarray:
        """The request, int64 `[num_candidates]`, of each candidate."""
        return np.repeat(np.arange(self.num_requests), np.diff(self.candidate_splits))
