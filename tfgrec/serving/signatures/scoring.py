"""Scoring requests: one function for evaluation and for serving, so that both compute the same."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT, GraphSchema
from tfgrec.model.item_parts import ItemParts
from tfgrec.serving.signatures.combined_score import combined_score
from tfgrec.serving.signatures.names import CANDIDATES_PER_REQUEST, COMBINED, EXAMPLES
from tfgrec.serving.signatures.request_columns import Values, parse_examples, request_columns
from tfgrec.serving.signatures.request_graph import request_graph

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel

ScoringFunction = Callable[[tf.Tensor], Mapping[str, tf.Tensor]]


def make_scoring_function(
    model: "JointModel", schema: GraphSchema, *, combined: Mapping[str, float] | None = None
) -> tf.types.experimental.GenericFunction:
    """A function of serialized requests `examples` `[batch_size]` string.

    It returns, for each task, float32 `[num_candidates]`: probabilities, or values in label units, of all candidates of
    all requests, one request after the other; and `candidates_per_request` int64 `[batch_size]`, which cuts them:
    `tf.RaggedTensor.from_row_lengths(scores["is_click"], scores["candidates_per_request"])`, or in NumPy
    `np.split(scores["is_click"], np.cumsum(scores["candidates_per_request"])[:-1])`.

    Args:
      model: a built model.
      schema: what the records hold, without labels; records that have them are accepted.
      combined: weights of the tasks in a further score, `combined`; None for none.
    """
    return Scorer(model, schema, combined=combined).of_examples


class Scorer:
    """A model's scores as two functions, traced once for all who ask: evaluation, and the signatures of an export.

    Attributes:
      of_values: what `make_scoring_function` describes, of the values of the requests' columns (see `request_columns`).
      of_examples: what it describes.
    """

    def __init__(self, model: "JointModel", schema: GraphSchema, *, combined: Mapping[str, float] | None = None):
        """Takes what `make_scoring_function` does."""

        def score(values: Values) -> dict[str, tf.Tensor]:
            return score_graph(model, request_graph(schema, values), combined=combined)

        self.of_values = as_function(score, [values_signature(schema)])
        self.of_examples = of_examples(self.of_values, schema)


def of_examples(
    score: tf.types.experimental.GenericFunction, schema: GraphSchema
) -> tf.types.experimental.GenericFunction:
    """The function of serialized requests that a function of their columns' values is."""
    columns = request_columns(schema)

    def of_serialized(examples: tf.Tensor) -> Mapping[str, tf.Tensor]:
        return score(parse_examples(columns, examples))

    return as_function(of_serialized, [tf.TensorSpec([None], tf.string, name=EXAMPLES)])


def score_graph(
    model: "JointModel",
    graph: tfgnn.GraphTensor,
    *,
    combined: Mapping[str, float] | None = None,
    items: ItemParts | None = None,
) -> dict[str, tf.Tensor]:
    """What `make_scoring_function` describes, of a merged graph; of `items` where they are given."""
    scores = {task: tf.identity(values) for task, values in model.predictions(graph, items).items()}
    if combined is not None:
        scores[COMBINED] = combined_score(scores, combined)
    scores[CANDIDATES_PER_REQUEST] = tf.cast(graph.node_sets[READOUT].sizes, tf.int64)
    return scores


def values_signature(schema: GraphSchema) -> dict[str, tf.RaggedTensorSpec]:
    """The signature of the values of requests' columns."""
    return {
        name: tf.RaggedTensorSpec([None, None], column.dtype, ragged_rank=1, row_splits_dtype=tf.int64)
        for name, column in request_columns(schema).items()
    }


def as_function(function: Callable, signature: list) -> tf.types.experimental.GenericFunction:
    """Compiles a function in which no Python control flow depends on tensors; autograph would make tracing slow."""
    return tf.function(function, input_signature=signature, autograph=False)


def concrete(function: tf.types.experimental.GenericFunction) -> tf.types.experimental.ConcreteFunction:
    """The one function that a function with an input signature, or a concrete one, is."""
    return function if hasattr(function, "captured_inputs") else function.get_concrete_function()
