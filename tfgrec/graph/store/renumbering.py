"""Dense ids of a graph store as those of another one that has more nodes."""

import numpy as np


class Renumbering:
    """Old dense ids -> new ones. Nodes keep their order, new ones come in between: memory grows with these alone.

    `inserted_before`, int64 `[num_new_nodes]` and rising: for each new node, how many old ones come before it.
    """

    def __init__(self, inserted_before: np.ndarray) -> None:
        self._inserted_before = inserted_before

    def __call__(self, nodes: np.ndarray) -> np.ndarray:
        """New dense ids, int64 `[num_nodes]`, of old ones."""
        if not len(self._inserted_before):
            return nodes
        return nodes + np.searchsorted(self._inserted_before, nodes, side="right")
