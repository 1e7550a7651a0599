"""Records that do not mention a feature: named, and never read with another record's values."""

from pathlib import Path

import pytest
import small_records
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.parsed_records import parse_merged
from tfgrec.graph.sampling.record_schema import record_schema

SPEC = graph_tensor_spec(record_schema(small_records.SCHEMA, small_records.SAMPLING))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    root: Path = tmp_path_factory.mktemp("store")
    return small_records.make_records(small_records.write_store(root / "graph"), num_requests=4, seed=1)[0]


def without(record: bytes, *keys: str) -> bytes:
    example = tf.train.Example.FromString(record)
    for key in keys:
        del example.features.feature[key]
    return example.SerializeToString()


@tf.autograph.experimental.do_not_convert
def parse(serialized: tf.Tensor) -> tfgnn.GraphTensor:
    return parse_merged(SPEC, serialized)


@pytest.mark.parametrize("parse", [parse, tf.function(parse)], ids=["eager", "traced"])
@pytest.mark.parametrize(
    ("keys", "name"),
    [
        (["nodes/user.age_group"], "user.age_group"),
        (["nodes/user.#id"], "user.#id"),
        (["nodes/_readout.hour"], "_readout.hour"),
        (["nodes/video.tags", "nodes/video.tags.d1"], "video.tags"),
        (["nodes/history/watched.time"], "history/watched.time"),
        (["nodes/user.activity", "nodes/_readout.scenario"], "_readout.scenario, user.activity"),
    ],
)
def test_what_a_record_does_not_mention_is_named(records, keys: list[str], name: str, parse) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        parse(tf.constant([without(records[0], *keys), records[1]]))
    assert "records lack values of these features of nodes" in str(error.value) and name in str(error.value)


def test_in_a_pipeline_too(records) -> None:
    batches = tf.data.Dataset.from_tensors([without(records[0], "nodes/user.age_group"), records[1]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="user.age_group"):
        list(batches.map(parse))


def test_whole_records_pass(records) -> None:
    assert parse(tf.constant(records)).num_components == len(records)
