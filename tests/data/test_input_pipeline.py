"""Records reach the model once an epoch, in an order that seed and epoch decide, with labels apart."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import small_records
import tensorflow as tf

from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.input_pipeline import TrainingData, shuffled_records
from tfgrec.data.labels import without_labels
from tfgrec.data.parsed_records import parse_merged, read_records
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.schema import READOUT

NUM_REQUESTS = 50


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("input")
    store = small_records.write_store(folder / "graph")
    records, _ = small_records.make_records(store, num_requests=NUM_REQUESTS, seed=3)
    paths = [folder / f"part-{shard}.tfrecord" for shard in range(5)]
    for shard, path in enumerate(paths):
        small_records.write_records(path, records[shard::5])
    return [str(path) for path in paths]


@pytest.fixture(scope="module")
def data(files: list[str]) -> TrainingData:
    schema = record_schema(small_records.SCHEMA, small_records.SAMPLING)
    return TrainingData(files, NUM_REQUESTS, schema, small_records.LABELS)


def order(files: list[str], **arguments: int) -> list[bytes]:
    return [record.numpy() for record in shuffled_records(files, **{"seed": 1, "epoch": 0, "window": 20, **arguments})]


def test_an_epoch_has_every_record_once(files: list[str]) -> None:
    in_files = [record.numpy() for record in read_records(files)]
    assert len(in_files) == NUM_REQUESTS
    assert Counter(order(files)) == Counter(in_files)


def test_seed_and_epoch_decide_the_order_and_nothing_else_does(files: list[str]) -> None:
    tf.random.set_seed(1)
    first = order(files)
    tf.random.set_seed(2)
    assert order(files) == first
    assert order(files, epoch=1) != first
    assert order(files, seed=2) != first
    assert first != [record.numpy() for record in read_records(files)]


def test_windows_of_two_epochs_hold_other_mixtures(files: list[str]) -> None:
    assert set(order(files)[:20]) != set(order(files, epoch=1)[:20])


def test_skipping_batches_goes_on_where_an_epoch_was_broken_off(data: TrainingData) -> None:
    def batches(skip_batches: int) -> list[list[bytes]]:
        order = {"batch_size": 8, "seed": 1, "epoch": 2, "shuffle_buffer": 20, "skip_batches": skip_batches}
        return [serialized.numpy().tolist() for serialized in data.serialized_batches(**order)]

    whole = batches(0)
    assert [len(batch) for batch in whole] == [8] * 6 + [2]
    assert len(whole) == data.steps_per_epoch(8)
    assert batches(3) == whole[3:]
    assert batches(7) == []


def test_labels_are_apart_and_stay_with_their_candidates(data: TrainingData, files: list[str]) -> None:
    batches = data.serialized_batches(batch_size=NUM_REQUESTS, seed=1, epoch=0, shuffle_buffer=20)
    graph, labels = data.parse(next(iter(batches)))
    assert set(labels) == {"click", "watch_ms"}
    assert set(graph.node_sets[READOUT].features) == {"scenario", "hour", "user_watched"}
    examples = [tf.train.Example.FromString(record) for record in order(files)]
    for name in labels:
        expected = [value for example in examples for value in floats(example, f"nodes/{READOUT}.{name}")]
        np.testing.assert_array_equal(labels[name].numpy(), np.array(expected, np.float32))
    assert np.isnan(labels["watch_ms"].numpy()).any()


def test_merged_batches_keep_requests_apart(data: TrainingData, files: list[str]) -> None:
    spec = graph_tensor_spec(data.schema)
    records = order(files)[:6]
    merged = parse_merged(spec, tf.constant(records))
    singles = [parse_merged(spec, tf.constant([record])) for record in records]
    for name in merged.node_sets:
        sizes = [int(single.node_sets[name].total_size) for single in singles]
        assert merged.node_sets[name].sizes.numpy().tolist() == sizes
    adjacency = merged.edge_sets["watched"].adjacency
    owners = [np.repeat(np.arange(6), merged.node_sets[name].sizes.numpy()) for name in ("user", "video")]
    np.testing.assert_array_equal(owners[0][adjacency.source.numpy()], owners[1][adjacency.target.numpy()])
    tags = merged.node_sets["video"]["tags"].to_list()
    assert tags == [value for single in singles for value in single.node_sets["video"]["tags"].to_list()]


def test_requests_without_labels_are_parsed_by_the_schema_without_them(files: list[str]) -> None:
    schema = without_labels(record_schema(small_records.SCHEMA, small_records.SAMPLING), small_records.LABELS)
    record = order(files)[0]
    example = tf.train.Example.FromString(record)
    for name in small_records.LABELS:
        del example.features.feature[f"nodes/{READOUT}.{name}"]
    unlabelled, labelled = (
        parse_merged(graph_tensor_spec(schema), tf.constant([serialized]))
        for serialized in (example.SerializeToString(), record)
    )
    assert set(labelled.node_sets[READOUT].features) == set(unlabelled.node_sets[READOUT].features)
    np.testing.assert_array_equal(labelled.node_sets[READOUT]["hour"], unlabelled.node_sets[READOUT]["hour"])


def test_compressed_files_are_read_by_their_ending(tmp_path: Path) -> None:
    path = str(tmp_path / "part.tfrecord.gz")
    with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        writer.write(b"one")
    assert [record.numpy() for record in read_records([path])] == [b"one"]


def floats(example: tf.train.Example, name: str) -> list[float]:
    return list(example.features.feature[name].float_list.value)
