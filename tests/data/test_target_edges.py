"""Edge sets without times that a log of requests feeds are refused: each request would see what it led to."""

import pytest

from tfgrec.checks.tables_check import check_tables
from tfgrec.config import TablesConfig
from tfgrec.config.sampling import SamplingConfig
from tfgrec.data.target_edges import edge_sets_between_users_and_items, leaking_edge_sets
from tfgrec.errors import SchemaError
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.schema import ID, ITEM_READOUT, READOUT, TIME, USER_READOUT, EdgeSet, Feature, GraphSchema, NodeSet

NODES = NodeSet({ID: Feature("int64")})
SCHEMA = GraphSchema(
    context={TIME: Feature("int64")},
    node_sets={
        "user": NODES,
        "item": NODES,
        "brand": NODES,
        READOUT: NodeSet({"click": Feature("float32")}),
    },
    edge_sets={
        "saw": EdgeSet("user", "item", {TIME: Feature("int64")}),
        "owns": EdgeSet("user", "item", {}),
        "owned_by": EdgeSet("item", "user", {}),
        "of_brand": EdgeSet("item", "brand", {}),
        USER_READOUT: EdgeSet("user", READOUT, {}),
        ITEM_READOUT: EdgeSet("item", READOUT, {}),
    },
)


def tables(path: str, **changes: object) -> TablesConfig:
    """Requests come from logs/*.csv; table `other`, at `path`, feeds the edges without times."""
    ends = {"source": "user", "target": "item"}
    values = {
        "tables": {
            "log": {"path": "logs/*.csv", "time": {"column": "at", "unit": "seconds"}},
            "other": {"path": path},
        },
        "node_sets": {name: {"table": "other", "id": name} for name in ("user", "item", "brand")},
        "edge_sets": {
            "saw": {"sources": [{"table": "log", **ends}]},
            "owns": {"sources": [{"table": "other", **ends}]},
            "owned_by": {"reverse_of": "owns"},
            "of_brand": {"sources": [{"table": "other", "source": "item", "target": "brand"}]},
        },
        "requests": {
            "user_node_set": "user",
            "sources": [{"table": "log", "user": "user", "item": "item", "item_node_set": "item"}],
            "labels": {"click": "click"},
        },
    }
    return TablesConfig.model_validate({**values, **changes})


def test_both_directions_between_users_and_items_count() -> None:
    assert edge_sets_between_users_and_items(SCHEMA) == dict.fromkeys(["saw", "owns", "owned_by"], "item")


@pytest.mark.parametrize("path", ["logs/*.csv", "logs/monday.csv", "logs/mon*.csv", "**/*.csv"])
def test_the_requests_own_files_are_refused_under_any_name(path: str) -> None:
    assert dict(leaking_edge_sets(SCHEMA, tables(path))) == {"owns": "other", "owned_by": "other"}
    with pytest.raises(SchemaError) as raised:
        check_tables(SCHEMA, tables(path), "tables.yaml")
    messages = str(raised.value).splitlines()
    assert [message.split(":")[1] for message in messages] == [" edge_sets.owns", " edge_sets.owned_by"]
    assert "its edges have no times, and table 'other' is a log of requests" in messages[0]


@pytest.mark.parametrize("path", ["logs/*.csv", "owners.csv"])
def test_in_records_an_edge_set_that_only_a_history_lists_counts_too(path: str) -> None:
    records = record_schema(SCHEMA, SamplingConfig(hops=[{}], history={"owns": 3, "saw": 3}))
    assert "owns" not in records.edge_sets
    assert dict(leaking_edge_sets(records, tables(path))) == ({"owns": "other"} if path == "logs/*.csv" else {})


@pytest.mark.parametrize("path", ["owners.csv", "logs/monday.parquet", "logs/old/monday.csv"])
def test_other_files_may_tie_users_and_items_without_times(path: str) -> None:
    assert not dict(leaking_edge_sets(SCHEMA, tables(path)))
    check_tables(SCHEMA, tables(path), "tables.yaml")


def test_unknown_names_are_left_to_those_who_tell_of_them() -> None:
    unknown = tables("owners.csv").model_dump(exclude_none=True)
    unknown["edge_sets"]["owned_by"]["reverse_of"] = "own"
    unknown["edge_sets"]["owns"]["sources"][0]["table"] = "owner"
    with pytest.raises(SchemaError, match="unknown table 'owner'"):
        check_tables(SCHEMA, TablesConfig.model_validate(unknown), "tables.yaml")
