"""Asks a model for its signatures, wherever it is: what all clients have in common."""

import abc
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfgrec.errors import TfgrecError
from tfgrec.serving.signatures.names import CANDIDATES_PER_REQUEST, EXAMPLES, SIGNATURE

Inputs = Mapping[str, Any]
"""Arrays by name: NumPy's, or lists. Bytes are to be lists, or arrays of dtype object: NumPy's own cut zeros off."""

_LONGEST_MESSAGE = 500
# Where in its graph TensorFlow found it: before what it says, and behind.
_HEAD = re.compile(
    r"^Graph execution error:|^\s*Detected at node [^\n]*\n<stack traces unavailable>"
    r"|^\s*\d+ root error\(s\) found\.\s*\(0\) *(?:[A-Z_]+: )?|^\s*\{\{[^}]*\}\}"
)
_TAIL = re.compile(r"\s*(?:\[\[\{\{|\[Op:).*", flags=re.DOTALL)


class ModelServerError(TfgrecError):
    """The model server is away, late, or does not have the model."""


class ModelClient(abc.ABC):
    """One model that answers. Several threads may ask one client."""

    @abc.abstractmethod
    def predict(self, signature: str, inputs: Inputs) -> dict[str, np.ndarray]:
        """The outputs of a signature by name.

        Raises:
          InputDataError: the model refuses the inputs; the message is the model's.
          ModelServerError: the model can't be asked.
        """

    @abc.abstractmethod
    def check_ready(self) -> None:
        """Returns if the model can be asked.

        Raises:
          ModelServerError: it can't, and why.
        """

    def close(self) -> None:  # noqa: B027
        """Gives back what the client holds; it must not be asked any more."""


def rank(client: ModelClient, examples: Sequence[bytes]) -> list[dict[str, np.ndarray]]:
    """The scores of serialized requests: for each of them float32 `[num_candidates]` by task, and `combined`.

    Raises:
      InputDataError, ModelServerError: see `ModelClient.predict`.
    """
    outputs = client.predict(SIGNATURE, {EXAMPLES: list(examples)})
    ends = np.cumsum(outputs.pop(CANDIDATES_PER_REQUEST))[:-1]
    of_requests = {name: np.split(scores, ends) for name, scores in sorted(outputs.items())}
    return [{name: scores[number] for name, scores in of_requests.items()} for number in range(len(examples))]


def told(message: str) -> str:
    """What TensorFlow says of wrong inputs, in a line and without the nodes of its graph that it says it of."""
    while (shorter := _HEAD.sub("", message)) != message:
        message = shorter
    return " ".join(_TAIL.sub("", message).split())[:_LONGEST_MESSAGE]
