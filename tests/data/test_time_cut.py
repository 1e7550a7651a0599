"""The cut holds the newest requests, all of them and no others, and training meets every request before it once."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import small_records
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgrec.data.input_pipeline import TrainingData
from tfgrec.data.parsed_records import read_records
from tfgrec.data.time_cut import TimeCut, find_time_cut, request_times
from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.graph.sampling.record_schema import record_schema

NUM_REQUESTS = 60


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("cut")
    store = small_records.write_store(folder / "graph")
    records, _ = small_records.make_records(store, num_requests=NUM_REQUESTS, seed=3)
    paths = [folder / f"part-{shard}.tfrecord" for shard in range(3)]
    for shard, path in enumerate(paths):
        small_records.write_records(path, records[shard::3])
    return [str(path) for path in paths]


def time_of(record: bytes) -> int:
    return tf.train.Example.FromString(record).features.feature["context/time"].int64_list.value[0]


def records_of(batches: tf.data.Dataset) -> list[bytes]:
    return [record for batch in batches for record in batch.numpy().tolist()]


def write_times(path: Path, times: list[int]) -> list[str]:
    def example(time: int) -> bytes:
        value = tf.train.Feature(int64_list=tf.train.Int64List(value=[time]))
        return tf.train.Example(features=tf.train.Features(feature={"context/time": value})).SerializeToString()

    small_records.write_records(path, [example(time) for time in times])
    return [str(path)]


@settings(max_examples=25, deadline=None)
@given(times=st.lists(st.integers(0, 12), min_size=2, max_size=40), share=st.floats(0.01, 0.5))
def test_the_cut_is_the_least_that_holds_the_newest_share_with_ties_whole(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], share: float
) -> None:
    files = write_times(tmp_path_factory.mktemp("times") / "part.tfrecord", times)
    wanted = max(1, round(share * len(times)))
    threshold = sorted(times, reverse=True)[wanted - 1]
    held_out = [time for time in times if time >= threshold]
    if len(held_out) == len(times):
        with pytest.raises(
            ConfigurationError, match=r"early_stopping\.share: .* training requests of more than one time"
        ):
            find_time_cut(files, share=share)
        return
    assert find_time_cut(files, share=share) == TimeCut(threshold, len(times) - len(held_out), len(held_out))


def test_both_sides_are_disjoint_and_together_are_all_records(files: list[str]) -> None:
    cut, records = find_time_cut(files, share=0.2), read_records(files)
    before, held_out = records_of(cut.before(records)), records_of(cut.held_out(records))
    assert Counter(before) + Counter(held_out) == Counter(record.numpy() for record in records)
    assert (len(before), len(held_out)) == (cut.num_before, cut.num_held_out)
    assert max(map(time_of, before)) < cut.threshold == min(map(time_of, held_out))


def test_training_meets_every_request_before_the_cut_once_in_full_batches(files: list[str]) -> None:
    cut = find_time_cut(files, share=0.2)
    schema = record_schema(small_records.SCHEMA, small_records.SAMPLING)
    data = TrainingData(files, NUM_REQUESTS, schema, small_records.LABELS).before(cut)
    order = {"batch_size": 8, "seed": 1, "epoch": 2, "shuffle_buffer": 20}
    batches = [batch.numpy().tolist() for batch in data.serialized_batches(**order)]
    assert data.num_requests == cut.num_before and len(batches) == data.steps_per_epoch(8)
    assert {len(batch) for batch in batches[:-1]} == {8}
    assert Counter(sum(batches, [])) == Counter(records_of(cut.before(read_records(files))))
    skipped = [batch.numpy().tolist() for batch in data.serialized_batches(**order, skip_batches=3)]
    assert skipped == batches[3:]


def test_times_are_parsed_alone(files: list[str]) -> None:
    records = [record.numpy() for record in read_records(files)]
    np.testing.assert_array_equal(request_times(tf.constant(records)), [time_of(record) for record in records])


def test_a_request_without_time_is_named(tmp_path: Path) -> None:
    small_records.write_records(tmp_path / "part.tfrecord", [tf.train.Example().SerializeToString()])
    with pytest.raises(InputDataError, match="has no context/time"):
        find_time_cut([str(tmp_path / "part.tfrecord")], share=0.1)
