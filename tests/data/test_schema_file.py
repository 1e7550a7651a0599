"""Schema files: KuaiRand's own reads, and each mistake is told with its file and key."""

import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow_gnn as tfgnn
import yaml
from google.protobuf import text_format

from tfgrec.checks.tables_check import check_tables
from tfgrec.config import TablesConfig, load_tables_config
from tfgrec.config.tables import TimePart
from tfgrec.data.graph_schema_message import graph_schema_message
from tfgrec.data.request_schema import with_requests
from tfgrec.data.schema_file import read_graph_schema
from tfgrec.errors import SchemaError
from tfgrec.graph.schema import ID, READOUT, TIME, Feature, GraphSchema

SCHEMAS = Path(__file__).parents[2] / "schemas"
KUAIRAND = SCHEMAS / "kuairand"

VALID = """
context { features { key: "time" value { dtype: DT_INT64 } } }
node_sets { key: "user" value { features { key: "#id" value { dtype: DT_INT64 } } } }
node_sets { key: "item" value { features { key: "#id" value { dtype: DT_STRING } } } }
node_sets { key: "_readout" value { features { key: "click" value { dtype: DT_FLOAT } } } }
edge_sets { key: "saw" value { source: "user" target: "item" features { key: "time" value { dtype: DT_INT64 } } } }
edge_sets { key: "_readout/user" value { source: "user" target: "_readout" } }
edge_sets { key: "_readout/item" value { source: "item" target: "_readout" } }
"""


@pytest.mark.parametrize("folder", sorted(path.parent for path in SCHEMAS.glob("*/graph.pbtxt")), ids=lambda p: p.name)
def test_shipped_schemas_read_and_fit_their_tables(folder: Path) -> None:
    tables = load_tables_config(folder)
    schema = read_graph_schema(folder / "graph.pbtxt", tables)
    check_tables(schema, tables, folder / "tables.yaml")
    assert GraphSchema.from_json(schema.to_json()) == schema


@pytest.mark.parametrize("name", ["kuairand", "short_video"])
def test_what_follows_from_tables_may_be_left_out(name: str, tmp_path: Path) -> None:
    """The two name all of it, and one of them has two kinds of items."""
    full, tables = read_graph_schema(SCHEMAS / name / "graph.pbtxt"), load_tables_config(SCHEMAS / name)
    assert with_requests(full, tables.requests) == full
    message = text_format.Parse((SCHEMAS / name / "graph.pbtxt").read_text(), graph_schema_message()())
    message.ClearField("context")
    for edge_set in [*full.item_readouts().values(), "_readout/user"]:
        del message.edge_sets[edge_set]
    requests, features = tables.requests, message.node_sets[READOUT].features
    told = {feature for feature, of in requests.features.items() if not isinstance(of, TimePart)}
    for feature in set(features) - told:
        del features[feature]
    (tmp_path / "graph.pbtxt").write_text(text_format.MessageToString(message))
    short = read_graph_schema(tmp_path / "graph.pbtxt", tables)
    assert short == full and short.to_json() == full.to_json()
    assert list(short.node_sets[READOUT].features) == list(full.node_sets[READOUT].features)
    with pytest.raises(SchemaError, match="'_readout/user' is missing"):
        read_graph_schema(tmp_path / "graph.pbtxt")


def test_what_graph_pbtxt_says_itself_is_checked_as_before(tmp_path: Path) -> None:
    path, tables = tmp_path / "graph.pbtxt", load_tables_config(KUAIRAND)
    wrong = (
        (KUAIRAND / "graph.pbtxt")
        .read_text()
        .replace('key: "user_exposed" value { dtype: DT_FLOAT }', 'key: "user_exposed" value { dtype: DT_INT64 }')
    )
    path.write_text(wrong)
    with pytest.raises(SchemaError, match="temporal_degrees.user_exposed: expected a scalar float32"):
        check_tables(read_graph_schema(path, tables), tables, "tables.yaml")


def test_kuairand_is_read_feature_by_feature() -> None:
    schema = read_graph_schema(KUAIRAND / "graph.pbtxt")
    assert schema.context == {TIME: Feature("int64")}
    assert set(schema.stored_node_sets) == {"user", "video", "author", "music", "tag"}
    assert schema.node_sets["video"].features["tags"] == Feature("string", multi_valued=True)
    assert schema.node_sets["tag"].features == {ID: Feature("string")}
    assert schema.node_sets[READOUT].features["is_click"] == Feature("float32")
    exposed = schema.edge_sets["exposed"]
    assert (exposed.source, exposed.target, exposed.timed) == ("user", "video", True)
    assert not schema.edge_sets["made_by"].timed
    assert schema.item_readouts() == {"video": "_readout/item"}


def test_the_message_is_tf_gnns_and_reading_it_imports_no_tensorflow() -> None:
    theirs, ours = tfgnn.GraphSchema.DESCRIPTOR.file, graph_schema_message().DESCRIPTOR.file
    assert ours.serialized_pb == theirs.serialized_pb
    code = (
        "import sys; from tfgrec.data.schema_file import read_graph_schema; read_graph_schema(sys.argv[1]);"
        "print([name for name in ('tensorflow', 'tensorflow_gnn') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(KUAIRAND / "graph.pbtxt")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_where_the_description_is_written_otherwise_tf_gnn_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfgrec.data.graph_schema_message._GENERATED", (("tensorflow", "core/moved_pb2.py"),))
    graph_schema_message.cache_clear()
    assert graph_schema_message() is tfgnn.GraphSchema
    graph_schema_message.cache_clear()


def test_sets_and_features_come_in_the_order_of_their_names() -> None:
    schema = read_graph_schema(KUAIRAND / "graph.pbtxt")
    assert list(schema.edge_sets) == sorted(schema.edge_sets)
    assert list(schema.node_sets["user"].features) == sorted(schema.node_sets["user"].features)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("value { dtype: DT_STRING }", "value { dtipe: DT_STRING }", "line 4, column 63: Message type"),
        (
            "DT_STRING",
            "DT_DOUBLE",
            "node_sets.item.#id: expected dtype DT_INT64, DT_FLOAT or DT_STRING, received DT_DOUBLE",
        ),
        ('"click" value { dtype: DT_FLOAT', '"click" value { shape {}', "_readout.click: expected dtype"),
        ("dtype: DT_FLOAT", "dtype: DT_FLOAT shape { dim { size: 3 } }", "expected no shape, or one dim of size -1"),
        ('"click"', '"#click"', "names that begin with # are reserved"),
        ('"time" value { dtype: DT_INT64 } } }\nnode', '"at" value { dtype: DT_INT64 } } }\nnode', "context: expected"),
        (
            'key: "#id" value { dtype: DT_STRING',
            'key: "id" value { dtype: DT_STRING',
            "node_sets.item: expected a feature '#id'",
        ),
        (
            'source: "user" target: "item"',
            'source: "user" target: "itme"',
            "saw.target: unknown node set 'itme': did you mean 'item'?",
        ),
        (
            'DT_INT64 } } } }\nedge_sets { key: "_readout/user"',
            'DT_FLOAT } } } }\nedge_sets { key: "_readout/user"',
            "saw.time: expected DT_INT64",
        ),
        ('"_readout/user"', '"_readout/usr"', "edge_sets: '_readout/user' is missing"),
        ('"_readout/item"', '"_readout/thing"', "edge_sets: '_readout/item' is missing"),
        ('"_readout/item"', '"read_item"', "only edge sets named '_readout/...' lead to '_readout'"),
        (
            'source: "item" target: "_readout"',
            'source: "item" target: "user"',
            "_readout/item: expected a target '_readout'",
        ),
        ('key: "_readout" value', 'key: "readout" value', "node_sets: '_readout' is missing"),
        (
            'node_sets { key: "item"',
            'node_sets { key: "history/saw" value { } }\nnode_sets { key: "item"',
            "node_sets.history/saw: names that begin with 'history/' are of the histories of sampled records",
        ),
    ],
)
def test_mistakes_in_a_graph_schema_are_named(old: str, new: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "graph.pbtxt"
    path.write_text(VALID)
    read_graph_schema(path)
    assert old in VALID
    path.write_text(VALID.replace(old, new, 1))
    with pytest.raises(SchemaError) as error:
        read_graph_schema(path)
    assert f"{path}: " in str(error.value) and expected in str(error.value)


def test_a_second_readout_of_the_same_items_is_named(tmp_path: Path) -> None:
    path = tmp_path / "graph.pbtxt"
    path.write_text(VALID + 'edge_sets { key: "_readout/item2" value { source: "item" target: "_readout" } }')
    with pytest.raises(SchemaError, match="item2: '_readout/item' has the same source 'item'"):
        read_graph_schema(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"none\.pbtxt: can't be read"):
        read_graph_schema(tmp_path / "none.pbtxt")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"node_sets.user.features.fasn": "x"},
            "node_sets.user.features: 'fasn' is not in graph.pbtxt: did you mean 'fans'?",
        ),
        ({"node_sets.user.features.fans": None}, "node_sets.user.features: 'fans' of graph.pbtxt is missing"),
        ({"node_sets.author": None}, "node_sets: 'author' of graph.pbtxt is missing"),
        (
            {"node_sets.author.table": "vidoes"},
            "node_sets.author.table: unknown table 'vidoes': did you mean 'videos'?",
        ),
        (
            {"node_sets.user.features.fans": {"column": "x", "separator": ","}},
            "node_sets.user.features.fans: a separator",
        ),
        ({"edge_sets.likd": {"reverse_of": "liked"}}, "edge_sets: 'likd' is not in graph.pbtxt: did you mean 'liked'?"),
        ({"edge_sets.tag_of": None}, "edge_sets: 'tag_of' of graph.pbtxt is missing"),
        (
            {"edge_sets.liked_by.reverse_of": "likes"},
            "liked_by.reverse_of: unknown edge set 'likes': did you mean 'liked'?",
        ),
        ({"edge_sets.liked_by.reverse_of": "liked_by"}, "'liked_by' is a reverse or derived itself"),
        (
            {"edge_sets.liked_by.reverse_of": "made_by"},
            "'made_by' goes from 'video' to 'author', but 'liked_by' from 'video' to 'user'",
        ),
        ({"edge_sets.liked_by.reverse_of": "exposed"}, "'liked_by' and 'exposed' have different features"),
        (
            {"edge_sets.liked_by.feedback_delay_seconds": 5},
            "liked_by.feedback_delay_seconds: expected that of 'liked', 0.0, received 5.0",
        ),
        (
            {"edge_sets.exposed.sources.1.features.long_view": None},
            "edge_sets.exposed.sources.1.features: 'long_view' of graph.pbtxt is missing",
        ),
        (
            {"edge_sets.liked.sources.0.table": "users"},
            "the edge set has a feature 'time' in graph.pbtxt, but table 'users' has no time",
        ),
        (
            {"edge_sets.made_by.sources.0.table": "history"},
            "table 'history' has a time, so the edge set needs a feature 'time'",
        ),
        ({"edge_sets.made_by.sources.0.table": "hist"}, "edge_sets.made_by.sources.0.table: unknown table 'hist'"),
        ({"requests.user_node_set": "video"}, "requests.user_node_set: expected 'user'"),
        ({"requests.sources.0.item_node_set": "author"}, "'author' has no '_readout/item' edge set: known: video"),
        ({"requests.sources.0.table": "users"}, "requests need a time, and table 'users' has none"),
        (
            {"requests.labels.is_clik": "is_click"},
            "requests.labels: 'is_clik' is no feature of '_readout' in graph.pbtxt: did you mean 'is_click'?",
        ),
        ({"requests.labels.is_click": None}, "requests: 'is_click' of '_readout' is to be fed once, and is in none"),
        ({"requests.features.is_click": "x"}, "'is_click' of '_readout' is to be fed once, and is in features, labels"),
        (
            {"requests.labels.hour": "x", "requests.features.hour": None},
            "requests.labels.hour: expected a scalar float32",
        ),
        (
            {"requests.features.duration_ms": {"time_part": "hour"}},
            "requests.features.duration_ms: expected a scalar int64",
        ),
        (
            {"requests.temporal_degrees.user_liked.edge_set": "likd"},
            "user_liked.edge_set: unknown edge set 'likd': did you mean 'liked'?",
        ),
        (
            {"requests.temporal_degrees.user_liked.edge_set": "liked_by"},
            "'liked_by' does not leave node set 'user' but 'video'",
        ),
        (
            {"requests.temporal_degrees.video_liked.edge_set": {"user": "liked"}},
            "names no edge set for node set 'video'",
        ),
        (
            {"requests.temporal_degrees.video_liked.edge_set": {"user": "liked"}},
            "video_liked.edge_set: no candidate is of node set 'user'",
        ),
        ({"requests.temporal_degrees.video_clicked_1d.edge_set": "made_by"}, "the edges of 'made_by' have no times"),
        (
            {"requests.temporal_degrees.video_liked.through": "made_by"},
            "video_liked.through: leads to 'author', but 'liked_by' leaves 'video': "
            "did you mean through: [made_by, made]?",
        ),
        (
            {"requests.temporal_degrees.video_liked.through": {"video": ["made_by", "made"], "vidoe": "made_by"}},
            "video_liked.through: no candidate is of node set 'vidoe': did you mean 'video'?",
        ),
        (
            {"requests.temporal_degrees.video_liked.through": ["made_by", "mad"]},
            "video_liked.through: unknown edge set 'mad': did you mean 'made'?",
        ),
        (
            {"requests.temporal_degrees.user_liked.shared_with_item": {"edge_set": "made_bi"}},
            "user_liked.shared_with_item.edge_set: unknown edge set 'made_bi': did you mean 'made_by'?",
        ),
        (
            {
                "requests.temporal_degrees.user_exposed.shared_with_item": {
                    "edge_feature": "like",
                    "request_feature": "scenario",
                }
            },
            "user_exposed.shared_with_item.edge_feature: 'like' is no scalar integer or string of 'exposed'",
        ),
        (
            {
                "requests.temporal_degrees.user_exposed.shared_with_item": {
                    "edge_feature": "time",
                    "request_feature": "is_click",
                }
            },
            "user_exposed.shared_with_item.request_feature: 'is_click' is no feature of requests: known: duration_ms",
        ),
    ],
)
def test_mistakes_in_tables_are_named(change: dict[str, object], expected: str) -> None:
    values = yaml.safe_load((KUAIRAND / "tables.yaml").read_text())
    for key, value in change.items():
        set_value(values, key.split("."), value)
    schema = read_graph_schema(KUAIRAND / "graph.pbtxt")
    with pytest.raises(SchemaError) as error:
        check_tables(schema, TablesConfig.model_validate(values), "tables.yaml")
    assert expected in str(error.value)
    assert all(line.startswith("tables.yaml: ") for line in str(error.value).splitlines())


def set_value(values: dict | list, path: list[str], value: object) -> None:
    """Sets the value at a path of keys and positions; None takes it away."""
    for key in path[:-1]:
        values = values[int(key) if isinstance(values, list) else key]
    if value is None:
        del values[path[-1]]
    else:
        values[path[-1]] = value
