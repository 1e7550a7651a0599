"""Requests in the form in which TensorFlow Serving reads them for its warm-up, and logs them: PredictionLog."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

Arrays = Mapping[str, Any]


def prediction_log(
    *,
    model: str,
    version: int | str | None,
    signature: str,
    inputs: Arrays,
    outputs: Arrays | None = None,
    seconds: int | None = None,
) -> bytes:
    """One request, serialized: equal arguments give equal bytes.

    Args:
      model: the model's name.
      version: a number or a label; None: the server's choice.
      signature: what was asked.
      inputs: arrays or lists by name.
      outputs: what was answered, likewise; None: nothing.
      seconds: when, since 1970; None: no matter.
    """
    log = prediction_log_pb2.PredictionLog()
    for spec in (log.predict_log.request.model_spec, *([] if outputs is None else [log.log_metadata.model_spec])):
        spec.name = model
        if isinstance(version, str):
            spec.version_label = version
        elif version is not None:
            spec.version.value = version
    log.predict_log.request.model_spec.signature_name = signature
    for name, value in inputs.items():
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    for name, value in (outputs or {}).items():
        log.predict_log.response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
    if seconds is not None:
        log.log_metadata.timestamp_secs = seconds
    return log.SerializeToString(deterministic=True)


def read_prediction_log(record: bytes) -> tuple[str, str, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The model as `name/version`, the signature, inputs and outputs of a logged request.

    Raises:
      DecodeError: the bytes are no PredictionLog.
    """
    log = prediction_log_pb2.PredictionLog.FromString(record).predict_log
    spec = log.request.model_spec
    version = spec.version_label or (str(spec.version.value) if spec.HasField("version") else "newest")
    inputs, outputs = (
        {name: tf.make_ndarray(tensor) for name, tensor in of.items()}
        for of in (log.request.inputs, log.response.outputs)
    )
    return f"{spec.name}/{version}", spec.signature_name, inputs, outputs
