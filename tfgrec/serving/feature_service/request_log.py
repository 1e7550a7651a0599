"""A share of a feature service's requests, with examples and scores, in files of bounded size."""

import logging
import os
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfgrec.errors import ConfigurationError
from tfgrec.serving.exported.prediction_logs import prediction_log
from tfgrec.serving.signatures.names import CANDIDATES_PER_REQUEST, EXAMPLES, SIGNATURE

Scores = Mapping[str, np.ndarray]

PATTERN = "requests-*.tfrecord"
MOST_BYTES = 1 << 30
WRITTEN, LEFT_OUT = "written", "left_out"
_FILES = 8
_WAITING = 256
# TFRecord's length and checksums.
_FRAME_BYTES = 16
_FLUSH_SECONDS = 0.5

_logger = logging.getLogger(__name__)


class RequestLog:
    """Writes requests in a thread of its own: whoever offers one never waits for it.

    Files are TFRecords of PredictionLog, TensorFlow Serving's own form, `requests-<milliseconds>-<process>.tfrecord`;
    one is begun where the last has an eighth of `most_bytes`, and then the oldest are removed. What can't be written,
    or comes faster than the disk takes it, is left out and counted.

    Args:
      folder: where the files are; it holds no others of that name.
      share: of the requests that are offered, in 0 to 1: each is drawn by itself.
      most_bytes: of all files together.
      model: the name of the model that answers.
      version: its number or label; None where the server chooses.
      count: told of each request that was drawn what became of it, `written` or `left_out`.

    Raises:
      ConfigurationError: the share is no share, the size no size, or the folder holds other files.
    """

    def __init__(
        self,
        folder: Path,
        *,
        share: float,
        most_bytes: int = MOST_BYTES,
        model: str = "",
        version: int | str | None = None,
        count: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        if not 0 < share <= 1:
            raise ConfigurationError(f"share of logged requests: expected above 0, at most 1, received {share}")
        if most_bytes < _FILES:
            raise ConfigurationError(f"bytes of logged requests: expected some, received {most_bytes}")
        _claim(folder)
        self._folder, self._share, self._most_bytes = folder, share, most_bytes
        self._model, self._version, self._count = model, version, count
        self._waiting: queue.Queue[tuple[int, bytes, Scores] | None] = queue.Queue(_WAITING)
        self._writer: tf.io.TFRecordWriter | None = None
        self._bytes = 0
        self._thread = threading.Thread(target=self._write_all, name="request log", daemon=True)
        self._thread.start()

    def offer(self, example: bytes, scores: Scores) -> None:
        """Logs a request and its answer, or not: without waiting. One without candidates has no answer."""
        if random.random() >= self._share or not len(next(iter(scores.values()))):
            return
        try:
            self._waiting.put_nowait((int(time.time()), example, scores))
        except queue.Full:
            self._count(LEFT_OUT)

    def close(self) -> None:
        """Writes what waits, and ends."""
        self._waiting.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        flushed = time.monotonic()
        while True:
            try:
                entry = self._waiting.get(timeout=_FLUSH_SECONDS)
                if entry is None:
                    self._guarded(self._end_file)
                    return
                self._guarded(lambda entry=entry: self._write(*entry))
            except queue.Empty:
                pass
            if time.monotonic() - flushed >= _FLUSH_SECONDS:
                self._guarded(self._flush)
                flushed = time.monotonic()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            # Of a full disk the service is told, and goes on.
            self._count(LEFT_OUT)
            self._writer = None
            _logger.warning("%s: requests are not logged: %s", self._folder, error)

    def _write(self, seconds: int, example: bytes, scores: Scores) -> None:
        count = len(next(iter(scores.values())))
        record = prediction_log(
            model=self._model,
            version=self._version,
            signature=SIGNATURE,
            inputs={EXAMPLES: [example]},
            outputs={**scores, CANDIDATES_PER_REQUEST: np.array([count], np.int64)},
            seconds=seconds,
        )
        of_file = self._most_bytes // _FILES
        if len(record) > of_file:
            self._count(LEFT_OUT)
            return
        if self._writer is not None and self._bytes + len(record) > of_file:
            self._end_file()
        if self._writer is None:
            self._begin_file()
        self._writer.write(record)
        self._bytes += len(record) + _FRAME_BYTES
        self._count(WRITTEN)

    def _flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()

    def _end_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def _begin_file(self) -> None:
        files = sorted(self._folder.glob(PATTERN))
        while files and sum(file.stat().st_size for file in files) > self._most_bytes * (_FILES - 1) // _FILES:
            files.pop(0).unlink()
        name = PATTERN.replace("*", f"{time.time_ns() // 1_000_000:015d}-{os.getpid()}")
        while (self._folder / name).exists():
            time.sleep(0.001)
            name = PATTERN.replace("*", f"{time.time_ns() // 1_000_000:015d}-{os.getpid()}")
        self._writer = tf.io.TFRecordWriter(str(self._folder / name))
        self._bytes = 0


def _claim(folder: Path) -> None:
    """Makes the folder, unless it holds files of something else: what lies there is removed one day."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = [path.name for path in sorted(folder.iterdir()) if not path.match(PATTERN)]
    except OSError as error:
        raise ConfigurationError(f"--request-log {folder}: can't be used: {error.strerror}") from error
    if others:
        raise ConfigurationError(
            f"--request-log {folder}: holds files of something else ('{others[0]}'): choose a new or an empty folder"
        )
