"""Asks TensorFlow Serving by its REST interface."""

import base64
import json
import threading
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np

from tfgrec.errors import InputDataError
from tfgrec.serving.clients.client import Inputs, ModelClient, ModelServerError, told


class RestClient(ModelClient):
    """A client of `/v1/models/<name>`. JSON has no types: whole numbers come back as int64, others as float32.

    Args:
      url: of the model server, such as http://localhost:8501.
      model: the model's name there.
      version: a number or a label of a version; None: the server's choice.
      timeout: seconds after which an answer is too late.
    """

    def __init__(self, *, url: str, model: str, version: int | str | None = None, timeout: float = 5.0) -> None:
        self._url = url.rstrip("/")
        kind = "labels" if isinstance(version, str) else "versions"
        of_version = "" if version is None else f"/{kind}/{quote(str(version), safe='')}"
        self._path = f"/v1/models/{quote(model, safe='')}{of_version}"
        self._http = httpx.Client(base_url=self._url, timeout=timeout)
        self._only_outputs: dict[str, str] = {}
        self._lock = threading.Lock()

    def predict(self, signature: str, inputs: Inputs) -> dict[str, np.ndarray]:
        """The outputs of a signature by name, see `ModelClient.predict`."""
        # TF Serving reads NaN and Infinity, which httpx would not write.
        question = json.dumps(
            {"signature_name": signature, "inputs": {name: _plain(of) for name, of in inputs.items()}}
        )
        answer = self._ask("POST", f"{self._path}:predict", content=question)
        outputs = answer["outputs"]
        if not isinstance(outputs, dict):
            outputs = {self._only_output(signature): outputs}
        return {name: _array(values) for name, values in outputs.items()}

    def check_ready(self) -> None:
        """Returns if a version of the model is loaded, see `ModelClient.check_ready`."""
        versions = self._ask("GET", self._path).get("model_version_status", [])
        states = {status["version"]: status["state"] for status in versions}
        if "AVAILABLE" not in states.values():
            raise ModelServerError(f"model server {self._url}{self._path}: no version is loaded: {states}")

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _only_output(self, signature: str) -> str:
        """The name that the server leaves out where a signature has a single output."""
        with self._lock:
            if signature not in self._only_outputs:
                answer = self._ask("GET", f"{self._path}/metadata")
                outputs = answer["metadata"]["signature_def"]["signature_def"][signature]["outputs"]
                [self._only_outputs[signature]] = outputs
            return self._only_outputs[signature]

    def _ask(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **content)
            answer = response.json()
        except httpx.HTTPError as error:
            problem = f"{type(error).__name__}: {error}".rstrip(": ")
            raise ModelServerError(f"model server {self._url}: {problem}") from None
        except ValueError:
            raise ModelServerError(
                f"model server {self._url}{path}: answered {response.status_code}, no JSON"
            ) from None
        if response.status_code == httpx.codes.OK:
            return answer
        message = told(str(answer.get("error", answer)))
        if response.status_code == httpx.codes.BAD_REQUEST:
            raise InputDataError(message)
        raise ModelServerError(f"model server {self._url}{path}: {response.status_code}: {message}")


def _plain(value: Any) -> Any:
    """Arrays and lists as JSON has them, bytes as TF Serving reads them."""
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _array(values: Any) -> np.ndarray:
    array = np.asarray(values)
    return array.astype(np.float32) if array.dtype.kind == "f" else array
