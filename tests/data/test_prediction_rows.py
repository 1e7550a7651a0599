"""Rows of predictions name user, time, item, scenario and labels of each candidate, in the order of the records."""

from pathlib import Path

import numpy as np
import pytest
import small_records
import tensorflow as tf

from tfgrec.data.prediction_rows import PredictionRows
from tfgrec.errors import SchemaError
from tfgrec.graph.sampling.events_of_roots import events_of_roots
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.schema import READOUT

SCHEMA = record_schema(small_records.SCHEMA, small_records.SAMPLING)
LABELS = {"label/click": "click", "label/watch_time": "watch_ms"}


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    store = small_records.write_store(tmp_path_factory.mktemp("rows") / "graph")
    return small_records.make_records(store, num_requests=30, seed=5)[0]


def test_rows_say_what_the_records_hold(records: list[bytes]) -> None:
    rows = PredictionRows(SCHEMA, labels=LABELS, scenario="scenario")
    tables = [rows.read(tf.constant(records[:20])), rows.read(tf.constant(records[20:]))]
    expected = [row for number, record in enumerate(records) for row in read_by_hand(number, record)]
    found = [row for table in tables for row in table.to_dict("records")]
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert {name: str(value) for name, value in ours.items()} == {
            name: str(value) for name, value in theirs.items()
        }
    assert {type(row["item"]) for row in found} == {str}


def test_a_candidate_that_the_graph_does_not_know_has_no_item(records: list[bytes]) -> None:
    example = tf.train.Example.FromString(records[0])
    for item in ("video", "room"):
        for part in ("#source", "#target"):
            del example.features.feature[f"edges/{READOUT}/item/{item}.{part}"]
        example.features.feature[f"edges/{READOUT}/item/{item}.#size"].int64_list.value[:] = [0]
    rows = PredictionRows(SCHEMA, labels=LABELS, scenario=None).read(tf.constant([example.SerializeToString()]))
    assert rows["item"].isna().all() and rows["user"].notna().all()
    assert "scenario" not in rows


def test_a_feature_that_the_records_lack_is_named() -> None:
    with pytest.raises(SchemaError, match="no feature 'tab' of _readout; it has scenario"):
        PredictionRows(SCHEMA, labels=LABELS, scenario="tab")


def read_by_hand(number: int, record: bytes) -> list[dict]:
    """The rows of one record, read off its tf.Example."""
    features = {name: values(feature) for name, feature in tf.train.Example.FromString(record).features.feature.items()}
    rows = []
    for candidate in range(features[f"nodes/{READOUT}.#size"][0]):
        item_node_set, item = next(
            (
                item_set,
                features[f"nodes/{item_set}.#id"][features[f"edges/{READOUT}/item/{item_set}.#source"][position]],
            )
            for item_set in ("video", "room")
            for position, target in enumerate(features[f"edges/{READOUT}/item/{item_set}.#target"])
            if target == candidate
        )
        rows.append(
            {
                "request": number,
                "user": features["nodes/user.#id"][features[f"edges/{READOUT}/user.#source"][candidate]],
                "time": features["context/time"][0],
                "item": item,
                "item_node_set": item_node_set,
                "label/click": float(np.float32(features[f"nodes/{READOUT}.click"][candidate])),
                "label/watch_time": float(np.float32(features[f"nodes/{READOUT}.watch_ms"][candidate])),
                "scenario": features[f"nodes/{READOUT}.scenario"][candidate],
            }
        )
    return rows


def values(feature: tf.train.Feature) -> list:
    if feature.HasField("bytes_list"):
        return [value.decode() for value in feature.bytes_list.value]
    return list(feature.int64_list.value) or list(feature.float_list.value)


def test_small_records_have_both_domains(records: list[bytes], tmp_path: Path) -> None:
    items = PredictionRows(SCHEMA, labels=LABELS, scenario=None).read(tf.constant(records))["item"]
    assert items.str.startswith("room-").any() and items.str.isdigit().any()


def test_the_cold_are_those_whose_record_has_no_event(records: list[bytes]) -> None:
    records = records + [
        small_records.without_events(record, side) for side in ("user", "item") for record in records[:9]
    ]
    events = events_of_roots(SCHEMA, small_records.SAMPLING)
    assert set(events) == {f"{READOUT}/user", f"{READOUT}/item/video", f"{READOUT}/item/room"}
    rows = PredictionRows(SCHEMA, labels=LABELS, scenario=None, events=events).read(tf.constant(records))
    expected = [cold for record in records for cold in cold_by_hand(record, events)]
    assert list(zip(rows["cold_user"], rows["cold_item"], strict=True)) == expected
    assert len(set(expected)) > 2


def cold_by_hand(record: bytes, events: dict) -> list[tuple[bool, bool]]:
    features = {name: values(feature) for name, feature in tf.train.Example.FromString(record).features.feature.items()}
    cold: dict[int, dict[str, bool]] = {}
    for readout, of in events.items():
        sides = zip(features[f"edges/{readout}.#source"], features[f"edges/{readout}.#target"], strict=True)
        for node, candidate in sides:
            had = any(node in features[f"edges/{name}.#source"] for name in of.edge_sets)
            had |= any(features[f"nodes/{name}.#size"][0] for name in of.histories)
            cold.setdefault(candidate, {})["user" if readout.endswith("user") else "item"] = not had
    return [(of["user"], of["item"]) for _, of in sorted(cold.items())]
