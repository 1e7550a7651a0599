"""Asks a SavedModel in this process, as a model server would be asked."""

import contextlib
import threading
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfgrec.close_match import suggestion
from tfgrec.errors import InputDataError
from tfgrec.serving.clients.client import Inputs, ModelClient, told
from tfgrec.serving.exported.saved_model import load_signatures


class SavedModelClient(ModelClient):
    """Holds one version of an export: a later one is served by a client of its own.

    Args:
      path: the export, `run/export/<version>`.
    """

    def __init__(self, path: str | Path) -> None:
        self._signatures = load_signatures(path)
        self._first, self._asked = threading.Lock(), set()

    def predict(self, signature: str, inputs: Inputs) -> dict[str, np.ndarray]:
        """The outputs of a signature by name, see `ModelClient.predict`."""
        known = self._signatures
        if signature not in known:
            raise InputDataError(f"signature '{signature}' is unknown: {suggestion(signature, known)}")
        try:
            # TensorFlow makes a function ready at its first call. Threads that call it first together would each do so,
            # and the process would keep the memory of all.
            with contextlib.nullcontext() if signature in self._asked else self._first:
                outputs = known[signature](**{name: tf.convert_to_tensor(value) for name, value in inputs.items()})
                self._asked.add(signature)
        except tf.errors.InvalidArgumentError as error:
            raise InputDataError(told(error.message)) from None
        except (TypeError, ValueError) as error:
            # An input's name, type or rank.
            raise InputDataError(f"signature '{signature}': {told(str(error))}") from None
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    def check_ready(self) -> None:
        """Returns: the model is here."""
