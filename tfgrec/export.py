"""The trained model as a SavedModel that TensorFlow serves by itself, without tfgrec, TF-GNN or Python."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfgrec.errors import TfgrecError
from tfgrec.graph.schema import GraphSchema
from tfgrec.plain_path import plain_path
from tfgrec.saved_model import SIGNATURE, publish, save_function
from tfgrec.scoring import EXAMPLES, make_scoring_function

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel


class ExportError(TfgrecError):
    """The exported model doesn't score as the trained one does."""


def export_model(
    model: "JointModel",
    *,
    schema: GraphSchema,
    folder: Path,
    sample: Sequence[bytes],
    extra: dict[str, Any],
    tolerance: float = 1e-5,
) -> Path:
    """Writes `folder/<version>/`, the next free integer, whole or not at all.

    Signature `serving_default` is `tfgrec.scoring.make_scoring_function`'s: `examples` `[batch_size]` string in; out,
    per task float32 `[total_candidates]`, and `candidates_per_request` int64 `[batch_size]`. (Signatures can't return
    ragged tensors; that function's docstring says how to cut the scores into requests.) Only what the signature
    computes with is written: neither the auto-encoder's decoder nor optimizers.

    Args:
      model: a built model.
      schema: what requests hold, without labels.
      folder: where the versions are.
      sample: serialized requests on which the written model must score as `model` does.
      extra: written as JSON to assets.extra/tfgrec.json.
      tolerance: the largest difference allowed between the two, relative and absolute.

    Raises:
      ExportError: the written model scores differently.
    """
    score = make_scoring_function(model, schema)

    def write(path: Path) -> None:
        save_function(score, path, parts=[model], extra=extra)
        _verify(score, load_scoring_function(path), tf.constant(list(sample)), tolerance)

    return publish(folder, write)


def load_scoring_function(path: str | Path) -> tf.types.experimental.GenericFunction:
    """The scoring function of an exported model, as any server would load it."""
    loaded = tf.saved_model.load(plain_path(path))
    signature = loaded.signatures[SIGNATURE]

    def score(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return signature(**{EXAMPLES: examples})

    # The signature lives as long as what it was loaded with.
    score.loaded = loaded
    return score


def _verify(
    expected: tf.types.experimental.GenericFunction,
    exported: tf.types.experimental.GenericFunction,
    examples: tf.Tensor,
    tolerance: float,
) -> None:
    theirs = exported(examples)
    for name, values in expected(examples).items():
        if not np.allclose(values.numpy(), theirs[name].numpy(), rtol=tolerance, atol=tolerance):
            difference = np.max(np.abs(values.numpy() - theirs[name].numpy()))
            raise ExportError(f"the exported model's {name} differs from the trained model's by up to {difference:.3g}")
