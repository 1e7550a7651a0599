"""Stands in for TensorFlow Serving: a SavedModel behind the same gRPC and REST interfaces.

It speaks PredictionService.Predict, ModelService.GetModelStatus and `/v1/models`, written from their documentation.
As a process, `python tests/model_server_stand_in.py SAVED_MODEL`, it prints the host:port of its gRPC.
"""

import base64
import contextlib
import dataclasses
import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

MODEL, VERSION, LABEL = "small", 3, "stable"
_STATES = get_model_status_pb2.ModelVersionStatus


@dataclasses.dataclass
class StandIn:
    """A model that is served.

    Attributes:
      path: the SavedModel.
      loaded: whether its only version is available.
      delay: seconds that each answer takes longer.
    """

    path: Path
    loaded: bool = True
    delay: float = 0

    def __post_init__(self) -> None:
        self._model = tf.saved_model.load(str(self.path))

    def has(self, model: str, version: int | str | None) -> bool:
        """Whether a model, by its name and a version's number or label, is this one."""
        return model == MODEL and version in (None, VERSION, LABEL)

    def predict(self, signature: str, inputs: dict[str, Any]) -> dict[str, tf.Tensor]:
        """What the signature answers; raises ValueError or InvalidArgumentError for wrong inputs."""
        time.sleep(self.delay)
        if signature not in self._model.signatures:
            raise ValueError(f'Serving signature key "{signature}" not found.')
        function = self._model.signatures[signature]
        specs = function.structured_input_signature[1]
        if inputs.keys() != specs.keys():
            raise ValueError(f"input keys differ from the signature's: {sorted(specs)}")
        return function(**{name: tf.convert_to_tensor(value, specs[name].dtype) for name, value in inputs.items()})

    def outputs(self, signature: str) -> list[str]:
        """The names of a signature's outputs."""
        return sorted(self._model.signatures[signature].structured_outputs)


class _Grpc(prediction_service_pb2_grpc.PredictionServiceServicer, model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, model: StandIn) -> None:
        self._model = model

    def Predict(self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext) -> object:
        self._find(request.model_spec, context)
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        try:
            outputs = self._model.predict(request.model_spec.signature_name, inputs)
        except tf.errors.InvalidArgumentError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        except (TypeError, ValueError) as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        response = predict_pb2.PredictResponse()
        for name, tensor in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(tensor.numpy()))
        return response

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> object:
        self._find(request.model_spec, context)
        state = _STATES.AVAILABLE if self._model.loaded else _STATES.LOADING
        status = _STATES(version=VERSION, state=state)
        return get_model_status_pb2.GetModelStatusResponse(model_version_status=[status])

    def _find(self, spec: Any, context: grpc.ServicerContext) -> None:
        choice = spec.WhichOneof("version_choice")
        version = {None: None, "version": spec.version.value, "version_label": spec.version_label}[choice]
        if not self._model.has(spec.name, version):
            context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {spec.name}")


@contextlib.contextmanager
def grpc_server(model: StandIn, port: int = 0) -> Iterator[str]:
    """The stand-in's gRPC; yields its host:port."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(4), options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Grpc(model), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Grpc(model), server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def rest_app(model: StandIn) -> Starlette:
    """The stand-in's REST interface."""

    async def answer(request: Request) -> JSONResponse:
        kind, version = request.path_params.get("kind"), request.path_params.get("version")
        name, _, method = (request.path_params["name"] if version is None else version).partition(":")
        version = None if version is None else (int(name) if kind == "versions" else name)
        if not model.has(request.path_params["name"].partition(":")[0], version):
            return JSONResponse({"error": "Servable not found for request"}, 404)
        if method != "predict":
            state = {"version": str(VERSION), "state": "AVAILABLE" if model.loaded else "LOADING"}
            return JSONResponse({"model_version_status": [state]})
        question = json.loads(await request.body())
        inputs = {name: _decoded(value) for name, value in question["inputs"].items()}
        try:
            outputs = await run_in_threadpool(model.predict, question["signature_name"], inputs)
        except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            return JSONResponse({"error": str(error)}, 400)
        values = {name: tensor.numpy().tolist() for name, tensor in outputs.items()}
        # TF Serving does not name a single output.
        return JSONResponse({"outputs": values if len(values) > 1 else next(iter(values.values()))})

    async def metadata(request: Request) -> JSONResponse:
        signatures = {name: {"outputs": {output: {} for output in model.outputs(name)}} for name in ("encode",)}
        return JSONResponse({"metadata": {"signature_def": {"signature_def": signatures}}})

    return Starlette(
        routes=[
            Route("/v1/models/{name}/metadata", metadata),
            Route("/v1/models/{name}/{kind}/{version}", answer, methods=["GET", "POST"]),
            Route("/v1/models/{name}", answer, methods=["GET", "POST"]),
        ]
    )


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["b64"])
    return [_decoded(part) for part in value] if isinstance(value, list) else value


@contextlib.contextmanager
def http_server(app: Starlette) -> Iterator[str]:
    """Serves an app in a thread; yields its URL."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def main(path: str) -> None:
    """Serves until the process is ended."""
    with grpc_server(StandIn(Path(path))) as address:
        print(address, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
