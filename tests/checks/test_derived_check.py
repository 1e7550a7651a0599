"""Derived edge sets: what does not fit is told with its key."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from tfgrec.checks.tables_check import check_tables
from tfgrec.config import TablesConfig, load_tables_config
from tfgrec.data.schema_file import read_graph_schema
from tfgrec.errors import ConfigurationError, SchemaError
from tfgrec.graph.schema import EdgeSet, Feature

FOLDER = Path(__file__).parents[2] / "schemas" / "short_video"


def derived(**changes: Any) -> dict[str, Any]:
    """The tables of the simulated app, with changes to the definition of its videos for live rooms."""
    values = yaml.safe_load((FOLDER / "tables.yaml").read_text())
    definition = values["edge_sets"]["visitors_view"]["derived"]
    definition.update(changes)
    values["edge_sets"]["visitors_view"]["derived"] = {key: of for key, of in definition.items() if of is not None}
    return values


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"from": "visted"}, "visitors_view.derived.from: unknown edge set 'visted': did you mean 'visited'?"),
        (
            {"to": "made_by"},
            "visitors_view.derived.to: 'made_by' leaves node set 'video': edges are derived from those",
        ),
        ({"to": "visited"}, "derived.to: 'visited' leads to node set 'live', but the target of 'visitors_view' in"),
        ({"from": "viewed"}, "derived.from: 'viewed' leads to node set 'video', but the source of 'visitors_view' in"),
        ({"to": "co_visited"}, "derived.to: 'co_visited' is derived itself"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(SchemaError) as error:
        check_tables(read_graph_schema(FOLDER / "graph.pbtxt"), TablesConfig.model_validate(derived(**changes)), "x")
    assert expected in str(error.value)


def test_edges_need_times_features_and_a_reverse() -> None:
    schema, values = read_graph_schema(FOLDER / "graph.pbtxt"), derived()
    del values["edge_sets"]["visited_by"]
    integer = Feature("int64")
    edge_sets = {
        **schema.edge_sets,
        "visited": EdgeSet("user", "live", {}),
        "visitors_view": EdgeSet("live", "video", {"time": integer, "weight": integer}),
    }
    with pytest.raises(SchemaError) as error:
        schema = dataclasses.replace(schema, edge_sets=edge_sets)
        check_tables(schema, TablesConfig.model_validate(values), "x")
    assert "visitors_view.derived.from: the edges of 'visited' have no times" in str(error.value)
    assert "received {'time': 'int64', 'weight': 'int64'}" in str(error.value)
    assert "'visited' needs an edge set that is its reverse (reverse_of: visited)" in str(error.value)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dampin": 1, "kind": "swing", "min_weight": None}, "unknown key .*did you mean 'damping'"),
        ({"damping": 1}, "unknown key 'edge_sets.visitors_view.derived.co_watch.damping'"),
        ({"form": "x"}, "unknown key .*: did you mean 'from'"),
        ({"from": None}, "key 'edge_sets.visitors_view.derived.co_watch.from' is missing"),
        ({"kind": "cowatch"}, "expected tags: 'co_watch', 'swing'"),
        ({"max_neighbours": 0}, "max_neighbours': Input should be greater than or equal to 1, received 0"),
    ],
)
def test_misspelt_keys_are_named(changes: dict[str, Any], expected: str, tmp_path: Path) -> None:
    (tmp_path / "tables.yaml").write_text(yaml.safe_dump(derived(**changes)))
    with pytest.raises(ConfigurationError, match=expected):
        load_tables_config(tmp_path)


def test_either_sources_or_reverse_or_derived() -> None:
    values = derived()
    values["edge_sets"]["visitors_view"]["reverse_of"] = "viewed"
    with pytest.raises(ValueError, match="give either sources or reverse_of or derived"):
        TablesConfig.model_validate(values)
