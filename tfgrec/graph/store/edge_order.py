"""The order of an edge shard's rows: by source, then time, then target and features."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from tfgrec.graph.schema import TIME

_BITS = 63


def edge_order(sources: np.ndarray, targets: np.ndarray, columns: Mapping[str, pa.Array]) -> np.ndarray:
    """The order, int64 `[num_edges]`, that does not depend on how the edges stood; `columns` are their features.

    Source and time (or target, where there is no time) are sorted as one integer, which takes a fifth of the time of
    sorting by one after another; only edges that agree in both are compared further.
    """
    second = columns[TIME].to_numpy() if TIME in columns else targets
    keys = _packed(sources, second)
    if keys is None:
        return np.lexsort((*_further_keys(targets, columns, np.arange(len(sources))), second, sources))
    order = np.argsort(keys)
    keys = keys[order]
    equal = np.flatnonzero(keys[1:] == keys[:-1])
    if len(equal):
        places = np.union1d(equal, equal + 1)
        tied = order[places]
        order[places] = tied[np.lexsort((*_further_keys(targets, columns, tied), keys[places]))]
    return order


def _packed(first: np.ndarray, second: np.ndarray) -> np.ndarray | None:
    """Two columns as one that sorts by the first, then the second; None where both don't fit into 63 bits."""
    if len(first) == 0:
        return first
    lowest, bits = int(second.min()), int(second.max() - second.min()).bit_length()
    if int(first.max() - first.min()).bit_length() + bits > _BITS:
        return None
    return ((first - first.min()) << bits) | (second - lowest)


def _further_keys(targets: np.ndarray, columns: Mapping[str, pa.Array], rows: np.ndarray) -> Sequence[np.ndarray]:
    """What orders `rows` of equal source and time, the least important first: features by name, then the target."""
    taken = pa.array(rows)
    names = sorted((name for name in columns if name != TIME), reverse=True)
    features = [columns[name].take(taken).to_numpy(zero_copy_only=False) for name in names]
    return [*(pd.factorize(values, sort=True)[0] for values in features), targets[rows]]
