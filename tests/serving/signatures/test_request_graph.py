"""Requests are read as TF-GNN reads them, and refused with the name of what is wrong with them."""

from collections.abc import Callable

import numpy as np
import pytest
import small_records
import tensorflow as tf

from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.labels import without_labels
from tfgrec.data.parsed_records import parse_merged
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.serving.signatures.request_columns import request_columns
from tfgrec.serving.signatures.request_graph import parse_requests

SCHEMA = without_labels(record_schema(small_records.SCHEMA, small_records.SAMPLING), small_records.LABELS)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    store: GraphStore = small_records.write_store(tmp_path_factory.mktemp("graph") / "graph")
    return small_records.make_records(store, num_requests=10, seed=0)[0]


@pytest.fixture(scope="module")
def parse() -> Callable[[list[bytes]], object]:
    signature = [tf.TensorSpec([None], tf.string)]
    return tf.function(lambda examples: parse_requests(SCHEMA, examples), input_signature=signature, autograph=False)


def changed(record: bytes, feature: str, *values: int | float | bytes) -> bytes:
    """The record with other values of a feature; without it, if there are none."""
    example = tf.train.Example.FromString(record)
    del example.features.feature[feature]
    kinds = {int: "int64_list", float: "float_list", bytes: "bytes_list"}
    for value in values:
        getattr(example.features.feature[feature], kinds[type(value)]).value.append(value)
    return example.SerializeToString()


def values_of(record: bytes, feature: str) -> list:
    of = tf.train.Example.FromString(record).features.feature[feature]
    return list(getattr(of, of.WhichOneof("kind")).value)


@pytest.mark.parametrize("count", [0, 1, 10])
def test_the_graph_is_the_one_that_tf_gnn_parses(records, parse, count) -> None:
    examples = tf.constant(records[:count], tf.string)
    ours, theirs = parse(examples), parse_merged(graph_tensor_spec(SCHEMA), examples)
    assert ours.spec.is_compatible_with(theirs)
    pairs = zip(*(tf.nest.flatten(graph, expand_composites=True) for graph in (ours, theirs)), strict=True)
    for mine, other in pairs:
        np.testing.assert_array_equal(mine, other)


def test_every_column_has_an_argument_of_its_own() -> None:
    columns = request_columns(SCHEMA)
    arguments = [column.argument for column in columns.values()]
    assert len(set(arguments)) == len(arguments) and all(argument.isidentifier() for argument in arguments)
    assert columns["nodes/video.tags.d1"].argument == "nodes_video_tags_d1"


def test_names_that_would_be_the_same_are_numbered() -> None:
    nodes = small_records.SCHEMA.node_sets
    number, plain = small_records.INT, nodes["video"]
    doubled = type(plain)({**plain.features, "size": number, "a/b": number, "a_b": number})
    schema = GraphSchema(small_records.SCHEMA.context, {**nodes, "video": doubled}, small_records.SCHEMA.edge_sets)
    arguments = {name: column.argument for name, column in request_columns(schema).items()}
    assert arguments["nodes/video.#size"] == "nodes_video_size"
    assert arguments["nodes/video.size"] == "nodes_video_size_2"
    assert {arguments["nodes/video.a/b"], arguments["nodes/video.a_b"]} == {"nodes_video_a_b", "nodes_video_a_b_2"}


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        ("context/time", []),
        ("context/time", [1, 2]),
        ("nodes/user.#size", []),
        ("nodes/user.#size", [-1]),
        ("nodes/user.#size", [1 << 62]),
        ("nodes/user.#size", [1 << 24]),
        ("nodes/_readout.#size", [0]),
        ("nodes/user.activity", []),
        ("nodes/user.activity", [1.0] * 500),
        ("nodes/_readout.hour", []),
        ("nodes/video.#id", []),
        ("edges/watched.#source", []),
        ("edges/watched.#size", [0]),
        ("edges/watched.time", []),
        ("nodes/history/watched.time", []),
    ],
)
def test_numbers_of_values_that_don_t_fit_are_told(records, parse, feature, values) -> None:
    """Wherever the request stands in the batch; without the check, the next request would be read for this one."""
    wrong = changed(records[0], feature, *values)
    set_name = feature.partition(".")[0]
    for batch in ([wrong], [wrong, records[1]], [records[1], wrong]):
        with pytest.raises(tf.errors.InvalidArgumentError, match=set_name):
            parse(tf.constant(batch))


@pytest.mark.parametrize("end", ["#source", "#target"])
@pytest.mark.parametrize("index", [-1, 10_000, (1 << 32) + 1, -(1 << 63)])
def test_edges_end_within_their_request(records, parse, end, index) -> None:
    feature = f"edges/watched.{end}"
    wrong = changed(records[0], feature, *values_of(records[0], feature)[:-1], index)
    with pytest.raises(tf.errors.InvalidArgumentError, match=feature):
        parse(tf.constant([wrong, records[1]]))


def test_the_next_request_s_nodes_are_not_this_one_s(records, parse) -> None:
    """One beyond the last node is, in the merged batch, the first of the next request."""
    (size,), feature = values_of(records[0], "nodes/user.#size"), "edges/watched.#source"
    wrong = changed(records[0], feature, *values_of(records[0], feature)[:-1], size)
    with pytest.raises(tf.errors.InvalidArgumentError, match=feature):
        parse(tf.constant([wrong, records[1]]))


def test_values_of_a_node_are_not_another_one_s(records, parse) -> None:
    """Numbers of values that do not add up would move all values behind them."""
    feature = "nodes/video.tags.d1"
    lengths = values_of(records[0], feature)
    for wrong in ([lengths[0] + 1, *lengths[1:]], [-1, *lengths[1:-1], lengths[-1] + lengths[0] + 1]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="nodes/video.tags"):
            parse(tf.constant([changed(records[0], feature, *wrong), records[1]]))


def test_a_candidate_has_one_user(records, parse) -> None:
    feature = "edges/_readout/user.#target"
    doubled = changed(records[0], feature, *([0] * len(values_of(records[0], feature))))
    assert len(values_of(records[0], feature)) > 1
    with pytest.raises(tf.errors.InvalidArgumentError, match=feature):
        parse(tf.constant([doubled]))


def test_another_type_is_told(records, parse) -> None:
    for feature, value in (("nodes/user.#id", b"7"), ("nodes/user.activity", 1), ("nodes/user.age_group", 1.0)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=feature):
            parse(tf.constant([changed(records[0], feature, value), records[1]]))


def test_bytes_that_are_no_example_are_told(records, parse) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="parse"):
        parse(tf.constant([records[0], b"no example"]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="context/time"):
        parse(tf.constant([b""]))
