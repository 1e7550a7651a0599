"""The newest training requests, held out by their time so that a training can measure itself on them."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfgrec.data.parsed_records import read_records
from tfgrec.data.record_files import RecordFiles
from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.graph.schema import TIME
from tfgrec.progress import stage_progress

_FEATURE = f"context/{TIME}"
# Parsing one feature of many records at once costs little; a window of them has to fit memory.
RECORDS_AT_ONCE = 1024


@dataclasses.dataclass(frozen=True)
class TimeCut:
    """Requests cut in two by their time.

    Attributes:
      threshold: milliseconds since 1970; requests at this time or later are the cut.
      num_before: requests before it, which are trained on.
      num_held_out: requests of the cut.
    """

    threshold: int
    num_before: int
    num_held_out: int

    @property
    def growth(self) -> float:
        """How many times as many all requests are as those before the cut."""
        return (self.num_before + self.num_held_out) / self.num_before

    def before(self, records: tf.data.Dataset) -> tf.data.Dataset:
        """Of serialized requests those that are trained on, in batches `[up to RECORDS_AT_ONCE]`."""
        return self._kept(records, lambda times: times < self.threshold)

    def held_out(self, records: tf.data.Dataset) -> tf.data.Dataset:
        """Of serialized requests those of the cut, in batches `[up to RECORDS_AT_ONCE]`."""
        return self._kept(records, lambda times: times >= self.threshold)

    @staticmethod
    def _kept(records: tf.data.Dataset, wanted: Callable[[tf.Tensor], tf.Tensor]) -> tf.data.Dataset:
        @tf.autograph.experimental.do_not_convert
        def keep(serialized: tf.Tensor) -> tf.Tensor:
            return tf.boolean_mask(serialized, wanted(request_times(serialized)))

        batches = records.batch(RECORDS_AT_ONCE)
        return batches.map(keep, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


@tf.autograph.experimental.do_not_convert
def request_times(serialized: tf.Tensor) -> tf.Tensor:
    """The times of serialized requests `[batch_size]`, int64, milliseconds since 1970; nothing else is parsed."""
    return tf.io.parse_example(serialized, {_FEATURE: tf.io.FixedLenFeature([], tf.int64)})[_FEATURE]


def find_time_cut(files: Sequence[str] | RecordFiles, *, share: float) -> TimeCut:
    """Cuts off the newest `share` of the requests in files, or a little more: requests of one time stay together.

    Raises:
      InputDataError: a request has no time.
      ConfigurationError: the requests are of so few times that none would be left to train on.
    """
    times = all_request_times(files)
    wanted = max(1, round(share * len(times)))
    threshold = int(np.partition(times, len(times) - wanted)[len(times) - wanted])
    num_before = int((times < threshold).sum())
    if num_before == 0:
        raise ConfigurationError(
            f"training.early_stopping.share: {share} of {len(times):,} training requests would be all of them, since "
            "requests of one time are never parted: expected training requests of more than one time"
        )
    return TimeCut(threshold, num_before, len(times) - num_before)


def all_request_times(files: Sequence[str] | RecordFiles) -> np.ndarray:
    """The times of all requests in files, int64 `[num_requests]`, milliseconds since 1970.

    Raises:
      InputDataError: a request has no time.
    """
    parts = []
    batches = read_records(files).batch(RECORDS_AT_ONCE).map(request_times, num_parallel_calls=tf.data.AUTOTUNE)
    try:
        with stage_progress("times of requests", unit="requests") as advance:
            for times in batches:
                parts.append(times.numpy())
                advance(len(parts[-1]))
    except tf.errors.InvalidArgumentError as error:
        raise InputDataError(f"examples: a training request has no {_FEATURE}: {error.message}") from error
    return np.concatenate(parts)
