"""Vectors of users and of items from serialized examples of one side: what evaluation, index and serving compute."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfgrec.graph.examples.solo_examples import Side
from tfgrec.graph.schema import GraphSchema
from tfgrec.serving.signatures.names import EXAMPLES
from tfgrec.serving.signatures.request_graph import parse_requests
from tfgrec.serving.signatures.scoring import as_function

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel


def make_vector_function(model: "JointModel", schema: GraphSchema, side: Side) -> tf.types.experimental.GenericFunction:
    """A function of serialized examples `[batch_size]` string, of users or of items, that returns their vectors.

    Float32 `[num_candidates, units]`, each of length 1; an example of `SoloExamples` has one candidate.

    Args:
      model: a built model with a retrieval task.
      schema: what the examples hold, without labels; examples that have them are accepted.
      side: which of a candidate's two vectors to compute.
    """
    vectors = model.query_vectors if side == "user" else model.item_vectors

    def encode(examples: tf.Tensor) -> tf.Tensor:
        return vectors(parse_requests(schema, examples))

    return as_function(encode, [tf.TensorSpec([None], tf.string, name=EXAMPLES)])


def encode_in_batches(
    encode: Callable[[tf.Tensor], tf.Tensor], examples: Callable[[slice], Sequence[bytes]], count: int, batch_size: int
) -> np.ndarray:
    """Vectors `[count, units]` of `count` examples that are made, and encoded, `batch_size` at a time."""
    batches: Iterable[slice] = (slice(start, start + batch_size) for start in range(0, count, batch_size))
    return np.concatenate([encode(tf.constant(list(examples(batch)))).numpy() for batch in batches])
