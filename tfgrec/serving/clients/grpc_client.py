"""Asks TensorFlow Serving by gRPC."""

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfgrec.errors import InputDataError
from tfgrec.serving.clients.client import Inputs, ModelClient, ModelServerError, told

_REFUSED = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE}
_OPTIONS = [
    # A request of thousands of candidates is larger than what gRPC sends by itself.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A server that is back is found within a second; gRPC by itself would wait up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


class GrpcClient(ModelClient):
    """A client of PredictionService and ModelService.

    Args:
      target: host:port of the model server.
      model: the model's name there.
      version: a number or a label of a version; None: the server's choice.
      timeout: seconds after which an answer is too late.
    """

    def __init__(self, *, target: str, model: str, version: int | str | None = None, timeout: float = 5.0) -> None:
        self._target, self._timeout = target, timeout
        self._spec = model_spec(model, version)
        self._channel = grpc.insecure_channel(target, options=_OPTIONS)
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(self._channel).Predict
        self._status = model_service_pb2_grpc.ModelServiceStub(self._channel).GetModelStatus

    def predict(self, signature: str, inputs: Inputs) -> dict[str, np.ndarray]:
        """The outputs of a signature by name, see `ModelClient.predict`."""
        response = self._ask(self._predict, predict_request(self._spec, signature, inputs))
        return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}

    def check_ready(self) -> None:
        """Returns if a version of the model is loaded, see `ModelClient.check_ready`."""
        response = self._ask(self._status, get_model_status_pb2.GetModelStatusRequest(model_spec=self._spec))
        states = get_model_status_pb2.ModelVersionStatus
        versions = {status.version: status.state for status in response.model_version_status}
        if states.AVAILABLE not in versions.values():
            known = {version: states.State.Name(state) for version, state in versions.items()}
            raise ModelServerError(
                f"model server {self._target}: model {self._spec.name}: no version is loaded: {known}"
            )

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def _ask(self, method: grpc.UnaryUnaryMultiCallable, request: object) -> object:
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            if error.code() in _REFUSED:
                raise InputDataError(told(error.details())) from None
            raise ModelServerError(
                f"model server {self._target}: {error.code().name}: {told(error.details())}"
            ) from None


def model_spec(model: str, version: int | str | None = None) -> model_pb2.ModelSpec:
    """A model's name and version, or label of a version, as requests carry them."""
    spec = model_pb2.ModelSpec(name=model)
    if isinstance(version, str):
        spec.version_label = version
    elif version is not None:
        spec.version.value = version
    return spec


def predict_request(spec: model_pb2.ModelSpec, signature: str, inputs: Inputs) -> predict_pb2.PredictRequest:
    """What PredictionService is asked."""
    request = predict_pb2.PredictRequest(model_spec=spec)
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request
