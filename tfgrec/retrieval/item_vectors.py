"""The vectors of all items of a node set at a stated time: what a catalogue is searched by."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.graph.schema import ID
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.retrieval.solo_vectors import encode_in_batches


@dataclasses.dataclass(frozen=True)
class ItemVectors:
    """All items of a node set as of one time, in the order of their dense ids.

    Attributes:
      node_set: the items' node set.
      time: milliseconds since 1970: each item was encoded as a request at this time sees it.
      ids: raw ids, int64 or text, `[num_items]`.
      vectors: float32 `[num_items, units]`, each of length 1.
    """

    node_set: str
    time: int
    ids: np.ndarray
    vectors: np.ndarray


def encode_items(
    encode: Callable[[tf.Tensor], tf.Tensor],
    *,
    store: GraphStore,
    examples: SoloExamples,
    node_set: str,
    time: int,
    batch_size: int,
) -> ItemVectors:
    """Samples and encodes every item of a node set alone, `batch_size` at a time.

    Args:
      encode: the model's vector function for items.
      store: the graph.
      examples: makes examples of single items.
      node_set: which items.
      time: milliseconds since 1970; of the graph, what is older is seen.
      batch_size: items sampled and encoded at once.
    """
    items = np.arange(store.num_nodes(node_set))
    times = np.full(len(items), time, np.int64)
    vectors = encode_in_batches(
        encode, lambda batch: examples.items(node_set, items[batch], times[batch]), len(items), batch_size
    )
    ids = store.node_features(node_set, items)[ID].to_numpy(zero_copy_only=False)
    return ItemVectors(node_set, time, ids, vectors)
