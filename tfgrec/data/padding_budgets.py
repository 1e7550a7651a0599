"""Sizes to which batches are padded, so that few shapes occur: told by the manifest, without a look at the records."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow_gnn as tfgnn

from tfgrec.errors import InputDataError
from tfgrec.graph.sampling.batch_sizes import batch_sizes

QUANTILES = (0.9, 0.99)


def padding_budgets(
    sizes: Mapping[str, Any], *, batch_size: int, quantiles: Sequence[float] = QUANTILES
) -> list[tfgnn.SizeConstraints]:
    """Budgets that rise from the first to the last, into which every batch of at most `batch_size` requests fits.

    Each has room for what padding adds: a component, and a node in each set for its edges to end at.

    Args:
      sizes: `sizes` of an examples manifest.
      batch_size: requests of a batch, or of a replica's part of it.
      quantiles: shares of the batches that the budgets before the last are to hold, above 0 and below 1.

    Raises:
      InputDataError: the manifest says nothing of sizes.
    """
    if not sizes:
        raise InputDataError("examples: the manifest has no sizes of requests: sample again")
    return [
        tfgnn.SizeConstraints(
            total_num_components=batch_size + 1,
            total_num_nodes={name: size + 1 for name, size in of_share.nodes.items()},
            total_num_edges=dict(of_share.edges),
        )
        for of_share in batch_sizes(sizes, batch_size, quantiles)
    ]
