"""Requests that TensorFlow Serving asks a model before it answers with it, so that its first callers need not wait."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

WARM_UP_REQUESTS = Path("assets.extra") / "tf_serving_warmup_requests"
"""Where in an export TensorFlow Serving looks for them: a TFRecord of PredictionLog, at most 1000 of them. It does not
load a model that refuses one."""

Questions = Mapping[str, Mapping[str, tf.Tensor]]


def warm_up_records(questions: Sequence[Questions]) -> list[bytes]:
    """A serialized PredictionLog for each question, the inputs of a signature by its name.

    There are none where tensorflow-serving-api, which has the message, is not installed.
    """
    try:
        from tfgrec.serving.exported.prediction_logs import prediction_log
    except ModuleNotFoundError:
        return []
    return [
        prediction_log(
            # Who reads them knows which model they lie in.
            model="",
            version=None,
            signature=signature,
            inputs={name: tensor.numpy() for name, tensor in inputs.items()},
        )
        for of_requests in questions
        for signature, inputs in of_requests.items()
    ]


def write_warm_up(path: Path, records: Sequence[bytes]) -> None:
    """Writes records into an export; no file where there are none."""
    if not records:
        return
    with tf.io.TFRecordWriter(str(path / WARM_UP_REQUESTS)) as writer:
        for record in records:
            writer.write(record)
