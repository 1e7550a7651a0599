"""The trained model as a SavedModel that TensorFlow serves by itself, without tfgrec, TF-GNN or Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfgrec.errors import TfgrecError
from tfgrec.graph.schema import GraphSchema
from tfgrec.serving.exported.saved_model import Answer, load_signatures, publish, save_functions
from tfgrec.serving.exported.warm_up import warm_up_records, write_warm_up
from tfgrec.serving.signatures.all_signatures import (
    ENCODE_ITEM,
    RANK,
    RANK_CACHED,
    RANK_DENSE,
    Signatures,
    make_signatures,
)
from tfgrec.serving.signatures.encode import STATE
from tfgrec.serving.signatures.names import EXAMPLES, SIGNATURE
from tfgrec.serving.signatures.rank_cached import ITEM_STATES
from tfgrec.serving.signatures.request_columns import parse_examples, request_columns
from tfgrec.serving.signatures.scoring import Scorer

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
    combined: Mapping[str, float] | None = None,
    scorer: Scorer | None = None,
    warm_up_requests: int = 4,
    tolerance: float = 1e-5,
) -> Path:
    """Writes `folder/<version>/`, the next free integer, whole or not at all.

    Its signatures are those of `make_signatures`. `serving_default` is `rank`: `examples` `[batch_size]` string in; out
    per task and `combined` float32 `[total_candidates]`, and `candidates_per_request` int64 `[batch_size]`. (Signatures
    can't return ragged tensors; `make_scoring_function` says how to cut the scores into requests.) Only what signatures
    compute with is written: neither the auto-encoder's decoder nor optimizers.

    Args:
      model: a built model.
      schema: what requests hold, without labels.
      folder: where the versions are.
      sample: serialized requests on which each signature of the written model must answer as `model` does.
      extra: written as JSON to assets.extra/tfgrec.json, beside a description of the signatures.
      combined: weights of the tasks in the score `combined`; None, or none: see
        `tfgrec.serving.signatures.combined_score.combined_weights`.
      scorer: see `make_signatures`.
      warm_up_requests: how many of the sample TensorFlow Serving is given to warm up with, see
        `tfgrec.serving.exported.warm_up`.
      tolerance: the largest difference allowed between the two, relative and absolute.

    Raises:
      ConfigurationError: see `make_signatures`.
      ExportError: the written model answers differently.
    """
    signatures = make_signatures(model, schema, combined=combined, scorer=scorer)
    questions = _questions(signatures, schema, tf.constant(list(sample)))
    # It is serving_default under another name.
    questions.pop(RANK)
    answers = {
        name: signatures.functions[name](**question)
        for name, question in questions.items()
        if name == SIGNATURE or not _only_scores(signatures, name)
    }
    # One request, and several: both are asked.
    asked = [sample[:count] for count in sorted({min(1, warm_up_requests), warm_up_requests} - {0})]
    warm_up = warm_up_records([_questions(signatures, schema, tf.constant(list(part))) for part in asked])
    described = {**extra, "serving": signatures.described, "warm_up_records": len(warm_up)}

    def write(path: Path) -> None:
        save_functions(signatures.functions, path, parts=[model], extra=described)
        write_warm_up(path, warm_up)
        loaded = load_signatures(path)
        for name, question in questions.items():
            answer = loaded[name](**question)
            if name in answers:
                _verify(name, answers[name], answer, tolerance)
            if STATE not in answer:
                _verify(name, answers[SIGNATURE], answer, tolerance)

    return publish(folder, write)


def load_scoring_function(path: str | Path) -> Answer:
    """The scoring function of an exported model, as any server would load it: `examples` -> scores."""
    answer = load_signatures(path)[SIGNATURE]
    return lambda examples: answer(**{EXAMPLES: examples})


def _only_scores(signatures: Signatures, name: str) -> bool:
    """Whether a signature answers what `serving_default` does: that alone says then what its answers have to be."""
    described = signatures.described["signatures"]
    return described[name]["outputs"].keys() == described[SIGNATURE]["outputs"].keys()


def _questions(signatures: Signatures, schema: GraphSchema, examples: tf.Tensor) -> dict[str, dict[str, tf.Tensor]]:
    """The inputs of each signature for one and the same requests."""
    questions: dict[str, dict[str, tf.Tensor]] = {name: {EXAMPLES: examples} for name in signatures.functions}
    columns = request_columns(schema)
    values = parse_examples(columns, examples)
    questions[RANK_DENSE] = {columns[name].argument: of.flat_values for name, of in values.items()}
    if RANK_CACHED in questions:
        states = signatures.functions[ENCODE_ITEM](examples)[STATE]
        questions[RANK_CACHED][ITEM_STATES] = states
    return questions


def _verify(
    signature: str, expected: Mapping[str, tf.Tensor], answered: Mapping[str, tf.Tensor], tolerance: float
) -> None:
    for name, values in expected.items():
        ours, theirs = values.numpy(), answered[name].numpy()
        if not np.allclose(ours, theirs, rtol=tolerance, atol=tolerance):
            difference = np.max(np.abs(ours - theirs))
            raise ExportError(
                f"signature {signature}: the exported model's {name} differs from the trained model's by up to "
                f"{difference:.3g}"
            )
