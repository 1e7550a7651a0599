"""Scoring serialized requests: one function for evaluation and for serving, so that both compute the same."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.input_pipeline import parse_merged
from tfgrec.graph.schema import READOUT, GraphSchema

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel

EXAMPLES = "examples"
CANDIDATES_PER_REQUEST = "candidates_per_request"

ScoringFunction = Callable[[tf.Tensor], Mapping[str, tf.Tensor]]


def make_scoring_function(model: "JointModel", schema: GraphSchema) -> tf.types.experimental.GenericFunction:
    """A function of serialized requests `examples` `[batch_size]` string.

    It returns, for each task, float32 `[num_candidates]`: probabilities, or values in label units, of all candidates of
    all requests, one request after the other; and `candidates_per_request` int64 `[batch_size]`, which cuts them:
    `tf.RaggedTensor.from_row_lengths(scores["is_click"], scores["candidates_per_request"])`, or in NumPy
    `np.split(scores["is_click"], np.cumsum(scores["candidates_per_request"])[:-1])`.

    Args:
      model: a built model.
      schema: what the records hold, without labels; records that have them are accepted.
    """
    spec = graph_tensor_spec(schema)

    def score(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        graph = parse_merged(spec, examples)
        scores = {task: tf.identity(values) for task, values in model.predictions(graph).items()}
        scores[CANDIDATES_PER_REQUEST] = tf.cast(graph.node_sets[READOUT].sizes, tf.int64)
        return scores

    # Nothing in it is Python control flow on tensors; autograph would only make tracing slow.
    return tf.function(score, input_signature=[tf.TensorSpec([None], tf.string, name=EXAMPLES)], autograph=False)
