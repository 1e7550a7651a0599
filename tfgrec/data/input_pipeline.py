"""The records that a training reads: in a new order each epoch, in batches, parsed and merged."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.labels import split_labels
from tfgrec.data.parsed_records import parse_merged, record_reader
from tfgrec.data.record_files import RecordFiles
from tfgrec.data.time_cut import TimeCut
from tfgrec.graph.schema import GraphSchema

# Files read at once in training: few, so that windows of records hold other mixtures in each epoch.
FILES_READ_AT_ONCE = 4


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """Records to train on: files, the requests in all of them, their schema, and which features are labels.

    With a `cut`, requests from its time on are left out, and `num_requests` are those that are not.
    """

    files: Sequence[str] | RecordFiles
    num_requests: int
    schema: GraphSchema
    labels: Sequence[str]
    cut: TimeCut | None = None

    def before(self, cut: TimeCut) -> "TrainingData":
        """The same records without those of a cut."""
        return dataclasses.replace(self, num_requests=cut.num_before, cut=cut)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Batches of one pass; the last one may be smaller."""
        return math.ceil(self.num_requests / batch_size)

    def serialized_batches(
        self, *, batch_size: int, seed: int, epoch: int, shuffle_buffer: int, skip_batches: int = 0
    ) -> tf.data.Dataset:
        """One epoch of serialized requests, string `[batch_size]`; the last batch may be smaller.

        The order follows from `seed` and `epoch` alone: an epoch that was broken off after n batches goes on with
        `skip_batches=n`, which skips serialized records before any is parsed.
        """
        before = None if self.cut is None else self.cut.before
        records = shuffled_records(self.files, seed=seed, epoch=epoch, window=shuffle_buffer, filtered=before)
        return records.batch(batch_size).skip(skip_batches)

    def parse(self, serialized: tf.Tensor) -> tuple[tfgnn.GraphTensor, dict[str, tf.Tensor]]:
        """A batch of serialized requests `[batch_size]`, perhaps none, as a merged scalar GraphTensor and its labels,
        `{label: float32 [num_candidates]}`."""
        return split_labels(parse_merged(graph_tensor_spec(self.schema), serialized), self.labels)


def shuffled_records(
    files: Sequence[str] | RecordFiles,
    *,
    seed: int,
    epoch: int,
    window: int,
    filtered: Callable[[tf.data.Dataset], tf.data.Dataset] | None = None,
) -> tf.data.Dataset:
    """Serialized requests: files in random order, read several at once, shuffled within windows of `window` records.

    `filtered` takes them and gives batches of those that are wanted; windows are full all the same.
    Dataset.shuffle would not do: its order depends on tf.random.set_seed too.
    """
    order = tf.random.experimental.stateless_shuffle(list(files), seed=[seed, epoch])
    records = tf.data.Dataset.from_tensor_slices(order).interleave(
        record_reader(files),
        cycle_length=FILES_READ_AT_ONCE,
        num_parallel_calls=FILES_READ_AT_ONCE,
        deterministic=True,
    )

    @tf.autograph.experimental.do_not_convert
    def shuffle(index: tf.Tensor, serialized: tf.Tensor) -> tf.Tensor:
        window_seed = tf.random.experimental.stateless_fold_in([seed, epoch], index)
        return tf.random.experimental.stateless_shuffle(serialized, seed=window_seed)

    windows = records.batch(window) if filtered is None else filtered(records).rebatch(window)
    return windows.enumerate().map(shuffle).prefetch(1).unbatch()
