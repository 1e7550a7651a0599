"""The exported index: from serialized examples of users to the ids of their nearest items, with TensorFlow alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import GraphSchema
from tfgrec.retrieval.item_vectors import ItemVectors
from tfgrec.retrieval.solo_vectors import make_vector_function
from tfgrec.serving.exported.export import ExportError
from tfgrec.serving.exported.saved_model import Answer, load_signatures, publish, save_functions
from tfgrec.serving.signatures.names import EXAMPLES, SIGNATURE

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel

K, IDS, SCORES = "k", "ids", "scores"
Search = Literal["brute_force", "scann"]

_REORDERED = 1000
_VERIFIED_K = 10


def export_index(
    model: "JointModel",
    items: ItemVectors,
    *,
    schema: GraphSchema,
    folder: Path,
    search: Search,
    sample: Sequence[bytes],
    extra: dict[str, Any],
    tolerance: float = 1e-5,
) -> Path:
    """Writes `folder/<version>/`, the next free integer, whole or not at all.

    Signature `serving_default`: in, `examples` `[batch_size]` string, of users (`SoloExamples.users`), and `k`, an
    int32 scalar; out, `ids` `[batch_size, k]`, raw ids of the best items, best first, and `scores` float32
    `[batch_size, k]`, cosines. A k above the number of items is cut to it. `brute_force` (TFRS's layer) compares with
    every item, exactly. `scann` (TFRS's layer too) is approximate; a process that loads it needs ScaNN's operations:
    `from scann import scann_ops`.

    Args:
      model: a built model with a retrieval task.
      items: what is searched.
      schema: what examples hold, without labels.
      folder: where the versions are.
      search: how items are searched.
      sample: serialized examples of users on which the written index must find what `model` and `items` give.
      extra: written as JSON to assets.extra/tfgrec.json.
      tolerance: the largest difference allowed between scores, absolute.

    Raises:
      ConfigurationError: ScaNN is not installed.
      ExportError: the written index scores differently.
    """
    index = _index(items, search)
    encode = make_vector_function(model, schema, "user")
    num_items = len(items.ids)

    def find(examples: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        scores, ids = index(encode(examples), k=tf.minimum(k, num_items))
        return {IDS: ids, SCORES: scores}

    signature = [tf.TensorSpec([None], tf.string, name=EXAMPLES), tf.TensorSpec([], tf.int32, name=K)]
    # Nothing in it is Python control flow on tensors; autograph would only make tracing slow.
    function = tf.function(find, input_signature=signature, autograph=False)
    expected = encode(tf.constant(list(sample))).numpy() @ items.vectors.T

    def write(path: Path) -> None:
        save_functions({SIGNATURE: function}, path, parts=[model, index], extra=extra)
        _verify(load_index(path), items, sample, expected, tolerance)

    return publish(folder, write)


def load_index(path: Path) -> Answer:
    """The `serving_default` function of an exported index, `(examples, k) -> {"ids": ..., "scores": ...}`."""
    answer = load_signatures(path)[SIGNATURE]
    return lambda examples, k: answer(**{EXAMPLES: examples, K: tf.constant(k, tf.int32)})


def _index(items: ItemVectors, search: Search) -> tf.keras.layers.Layer:
    layer = tfrs.layers.factorized_top_k.BruteForce() if search == "brute_force" else _scann(len(items.ids))
    return layer.index(tf.constant(items.vectors), tf.constant(items.ids))


def _scann(num_items: int) -> tf.keras.layers.Layer:
    """About the square root of the number of items as leaves, a tenth of them searched, the best ones rescored."""
    leaves = max(1, round(num_items**0.5))
    try:
        return tfrs.layers.factorized_top_k.ScaNN(
            num_leaves=leaves,
            num_leaves_to_search=max(1, leaves // 10),
            num_reordering_candidates=min(num_items, _REORDERED),
        )
    except ImportError as error:
        raise ConfigurationError("search scann: ScaNN is not installed: pip install 'tfgrec[scann]'") from error


def _verify(
    find: tf.types.experimental.GenericFunction,
    items: ItemVectors,
    sample: Sequence[bytes],
    expected: np.ndarray,
    tolerance: float,
) -> None:
    """Each item found must have the score that its vector gives; the best of all need not be found by ScaNN."""
    found = find(tf.constant(list(sample)), _VERIFIED_K)
    places = {item: place for place, item in enumerate(tf.constant(items.ids).numpy().tolist())}
    columns = np.array([[places[item] for item in row] for row in found[IDS].numpy().tolist()])
    difference = np.abs(np.take_along_axis(expected, columns, axis=1) - found[SCORES].numpy())
    if difference.max(initial=0.0) > tolerance:
        raise ExportError(
            f"the exported index's scores differ from the trained model's by up to {difference.max():.3g}"
        )
