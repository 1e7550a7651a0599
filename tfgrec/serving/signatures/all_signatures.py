"""All signatures of an export, made in one place, and what an export says of them."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfgrec.graph.schema import GraphSchema
from tfgrec.model.configuration_checks import raise_problems
from tfgrec.serving.signatures.combined_score import combined_weights
from tfgrec.serving.signatures.encode import make_encoders, state_layouts
from tfgrec.serving.signatures.names import SIGNATURE, output_problems
from tfgrec.serving.signatures.rank_cached import make_rank_cached
from tfgrec.serving.signatures.rank_dense import make_rank_dense
from tfgrec.serving.signatures.request_columns import request_columns
from tfgrec.serving.signatures.scoring import Scorer, concrete

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel

CONTRACT_VERSION = 1
"""Counts up when a signature's inputs or outputs change their names, types, shapes or meaning."""

RANK, RANK_DENSE, RANK_CACHED = "rank", "rank_dense", "rank_cached"
ENCODE_USER, ENCODE_ITEM = "encode_user", "encode_item"

Function = tf.types.experimental.GenericFunction | tf.types.experimental.ConcreteFunction


@dataclasses.dataclass(frozen=True)
class Signatures:
    """What an export answers.

    Attributes:
      functions: by the name of their signature.
      described: what assets.extra/tfgrec.json says of them, plain values.
    """

    functions: dict[str, Function]
    described: dict[str, Any]


def make_signatures(
    model: "JointModel",
    schema: GraphSchema,
    *,
    combined: Mapping[str, float] | None = None,
    scorer: Scorer | None = None,
) -> Signatures:
    """The signatures of a model: `serving_default` and `rank`, which are one; `rank_dense`; `encode_user` and
    `encode_item`; `rank_cached`.

    Those that a model can't have are left out, and `described["left_out"]` says why.

    Args:
      model: a built model.
      schema: what requests hold, without labels.
      combined: weights of the tasks in the combined score; None, or none: see `combined_weights`.
      scorer: the model's, with these `combined_weights`; None to make one.

    Raises:
      ConfigurationError: a task has the name of another output, or a weight is of no task.
    """
    raise_problems(output_problems(model.tasks, combined or ()))
    combined = combined_weights(model.tasks, combined)
    scorer = scorer or Scorer(model, schema, combined=combined)
    layouts, encoders = state_layouts(model, schema), make_encoders(model, schema)
    rank, rank_dense = scorer.of_examples, make_rank_dense(scorer.of_values, schema)
    functions: dict[str, Function] = {SIGNATURE: rank, RANK: rank, RANK_DENSE: rank_dense}
    left_out = {}
    for name, side in ((ENCODE_USER, "user"), (ENCODE_ITEM, "item")):
        if layouts[side] or model.retrieval is not None:
            functions[name] = encoders[side]
        else:
            left_out[name] = f"the model reads nothing of the {side} alone"
    if layouts["item"]:
        functions[RANK_CACHED] = make_rank_cached(model, schema, layout=layouts["item"], combined=combined)
    else:
        left_out[RANK_CACHED] = "the model reads nothing of an item alone that a cache could hold"
    described = {
        "contract": CONTRACT_VERSION,
        "signatures": {name: describe(function) for name, function in functions.items()},
        "left_out": left_out,
        "combined": dict(combined),
        "states": layouts,
        "rank_dense": {column.argument: column.feature for column in request_columns(schema).values()},
    }
    return Signatures(functions, described)


def describe(function: Function) -> dict[str, dict[str, str]]:
    """`{"inputs" | "outputs": {name: "dtype[shape]"}}`, an unknown size of a shape being a `?`."""
    traced = concrete(function)
    given = traced.inputs[: len(traced.inputs) - len(traced.captured_inputs)]
    inputs = {tensor.name.split(":")[0]: tensor for tensor in given}
    return {
        "inputs": {name: _described(tensor) for name, tensor in sorted(inputs.items())},
        "outputs": {name: _described(tensor) for name, tensor in sorted(traced.structured_outputs.items())},
    }


def _described(tensor: tf.Tensor | tf.TensorSpec) -> str:
    sizes = ", ".join("?" if size is None else str(size) for size in tensor.shape)
    return f"{tensor.dtype.name}[{sizes}]"
