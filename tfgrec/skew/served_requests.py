"""The requests that a feature service has logged, see `tfgrec.serving.feature_service.request_log`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from tfgrec.errors import InputDataError
from tfgrec.serving.exported.prediction_logs import read_prediction_log
from tfgrec.serving.feature_service.request_log import PATTERN
from tfgrec.serving.signatures.names import CANDIDATES_PER_REQUEST, EXAMPLES
from tfgrec.skew.logged_requests import LoggedRequest


class ServedRequests:
    """Logged requests, the oldest first.

    Args:
      folder: of the log.

    Attributes:
      cut_off: files whose last record is half written, since their service was killed or is just writing; what comes
        before it is read.

    Raises:
      InputDataError: there are no such files.
    """

    def __init__(self, folder: Path) -> None:
        self._files = sorted(folder.glob(PATTERN))
        if not self._files:
            raise InputDataError(f"{folder}: has no logged requests ({PATTERN}), see tfgrec-serve --request-log")
        self.cut_off: list[str] = []

    def sample(self, count: int | None = None, *, seed: int = 0) -> list[LoggedRequest]:
        """Some of the requests, drawn without replacement, in their order; None, or more than there are: all."""
        # One at a time is held besides those that are drawn: Vitter's algorithm R.
        random, kept = np.random.default_rng(seed), []
        for number, request in enumerate(self):
            if count is None or number < count:
                kept.append((number, request))
            elif (place := int(random.integers(number + 1))) < count:
                kept[place] = (number, request)
        return [request for _, request in sorted(kept, key=lambda of: of[0])]

    def __iter__(self) -> Iterator[LoggedRequest]:
        """All requests.

        Raises:
          InputDataError: a record is no logged request.
        """
        self.cut_off.clear()
        for file in self._files:
            try:
                for place, record in enumerate(tf.data.TFRecordDataset([str(file)]).as_numpy_iterator()):
                    yield _request(f"{file.name}, record {place}", record)
            except tf.errors.DataLossError:
                self.cut_off.append(file.name)


def _request(name: str, record: bytes) -> LoggedRequest:
    try:
        model, _, inputs, outputs = read_prediction_log(record)
        [example] = inputs[EXAMPLES]
    except (DecodeError, KeyError, ValueError, TypeError) as error:
        raise InputDataError(f"{name}: is no logged request: {error}") from None
    outputs.pop(CANDIDATES_PER_REQUEST, None)
    return LoggedRequest(name, bytes(example), outputs, model)
