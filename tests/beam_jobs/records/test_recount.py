"""Values of records are counted again from the graph store: good ones pass, whatever was changed is found."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from rewritten_records import rewrite_records
from shop_tables import CLICK_DELAY, DAY, FIRST_TIME, TABLES, Shop, tables_config

from beam_jobs import audit as audit_command
from beam_jobs.audit import audit
from beam_jobs.graph_shards.feedback_delays import feedback_delays
from beam_jobs.records.checked_shards import Recounting
from beam_jobs.records.recounted_records import RecordRecount
from beam_jobs.tfrecords.tfrecord_shards import read_records
from tfgrec.config.temporal_degrees import TemporalDegree
from tfgrec.errors import LeakageError
from tfgrec.graph.degrees.recounted_degrees import RequestRecount
from tfgrec.graph.degrees.temporal_degrees import temporal_degrees
from tfgrec.graph.recorded_candidate import RecordedCandidate
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore

WATCHED = {"of": "user", "edge_set": "watched"}
SAME_TAG = {"shared_with_item": {"edge_set": "has_tag"}}
LIKED = {"measure": "mean", "feature": "liked", "missing": 7}
LATELY = {"window_seconds": 3_600}
AUTHORS = {"of": "item", "edge_set": "watched_by", "through": ["has_tag", "tag_of"]}
DEFINITIONS = {
    "count": WATCHED,
    "lately": {**WATCHED, **LATELY},
    "since": {**WATCHED, "measure": "seconds_since_last"},
    "since_delayed": {"of": "user", "edge_set": "clicked", "measure": "seconds_since_last", **LATELY},
    "third": {**WATCHED, "measure": "last_value", "feature": "liked", "nth_last": 3, "missing": -2},
    "sum": {**WATCHED, "measure": "sum", "feature": "liked"},
    "mean_lately": {**WATCHED, **LIKED, **LATELY},
    "item_count": {"of": "item", "edge_set": "watched_by"},
    "item_tags": {"of": "item", "edge_set": "has_tag"},
    "same_item": {**WATCHED, "shared_with_item": "item"},
    "same_feature": {**WATCHED, "shared_with_item": {"edge_feature": "time", "request_feature": "hour"}},
    "same_tag": {**WATCHED, **SAME_TAG, **LIKED},
    **{f"tag_{how}": {**WATCHED, **SAME_TAG, **LIKED, "over_keys": how} for how in ("mean", "best", "worst")},
    "tag_sum": {**WATCHED, **SAME_TAG, **LATELY, "over_keys": "sum"},
    "tag_since": {**WATCHED, **SAME_TAG, "measure": "seconds_since_last", "over_keys": "worst"},
    "kin": AUTHORS,
    "kin_mean": {**AUTHORS, **LIKED},
    "kin_since": {**AUTHORS, "measure": "seconds_since_last"},
    "kin_best": {**AUTHORS, "measure": "seconds_since_last", "over_keys": "best"},
    "author_sum": {**AUTHORS, "measure": "sum", "feature": "liked", "over_keys": "worst"},
}


@pytest.fixture(scope="module")
def store(shop: Shop) -> GraphStore:
    return GraphStore.open(shop.graph)


def recount_of(store: GraphStore, shop: Shop) -> RecordRecount:
    schema = GraphSchema.from_json(json.loads((shop.examples / "manifest.json").read_text())["schema"])
    return RecordRecount(store, schema, tables_config(), feedback_delays(tables_config()))


def test_every_kind_of_degree_is_what_sampling_counts(store: GraphStore) -> None:
    definitions = {name: TemporalDegree.model_validate(values) for name, values in DEFINITIONS.items()}
    random, count = np.random.default_rng(1), 60
    users, items = (random.integers(0, store.num_nodes(name), count) for name in ("user", "video"))
    times = FIRST_TIME + random.integers(-DAY, 400 * 60_000, count)
    # Some at the very end of an edge's delay.
    clicked = store.adjacency("clicked")
    times[:20] = clicked.times(random.integers(0, clicked.num_edges, 20)) + CLICK_DELAY + random.integers(0, 2, 20)
    watched = store.adjacency("watched")
    hours = watched.times(np.minimum(watched.row_bounds(users)[0], watched.num_edges - 1))
    batch = RequestBatch(users, times, "video", items, np.arange(count + 1), {"hour": pa.array(hours)})
    expected = temporal_degrees(store, batch, definitions)
    assert all(len(np.unique(expected[name])) > 2 for name in ("lately", "same_tag", "kin_mean", "tag_sum"))
    for number in range(count):
        recount = RequestRecount(store, feedback_delays(tables_config()), int(times[number]))
        features = {"hour": int(hours[number])}
        candidate = RecordedCandidate(int(users[number]), int(items[number]), "video", features)
        for name, definition in definitions.items():
            found = np.float32(recount.degree(definition, candidate))
            assert found == pytest.approx(expected[name][number], rel=1e-6), name


def test_all_records_of_good_runs_agree(shop: Shop, tmp_path: Path) -> None:
    report = audit(
        tables=tables_config(),
        examples_dir=str(shop.examples),
        graph_dir=str(shop.graph),
        recount=None,
        report_dir=str(tmp_path),
    )
    manifest = json.loads((shop.examples / "manifest.json").read_text())
    candidates = sum(split["num_candidates"] for split in manifest["splits"].values())
    recounted = report["recounted"]
    assert report["passed"] and recounted["records"] == report["records"] > 100
    assert recounted["candidates"] == candidates
    assert recounted["values"] == dict.fromkeys(TABLES["requests"]["temporal_degrees"], candidates)


@pytest.mark.parametrize("name", TABLES["requests"]["temporal_degrees"])
def test_a_changed_value_is_found(name: str, store: GraphStore, shop: Shop) -> None:
    path = sorted((shop.examples / "validation").glob("*.tfrecord"))[0]
    records = list(read_records(str(path)))[:4]
    assert not recount_of(store, shop).check(records).leaks
    example = tf.train.Example.FromString(records[2])
    values = example.features.feature[f"nodes/_readout.{name}"].float_list.value
    before = values[-1]
    values[-1] = before + 1
    records[2] = example.SerializeToString()
    (leak,) = recount_of(store, shop).check(records).leaks
    found, expected = re.search(r"candidate (.*) in the record, (.*) by the graph", leak.problem).groups()
    assert leak.record == 2 and leak.problem.startswith(f"'{name}' of candidate {len(values) - 1}: ")
    assert found == f"{len(values) - 1}: {values[-1]:.9g}" and float(expected) == pytest.approx(before)


def test_another_time_user_or_item_is_found(store: GraphStore, shop: Shop) -> None:
    path = sorted((shop.examples / "validation").glob("*.tfrecord"))[0]
    record = max(read_records(str(path)), key=lambda of: max(_values(of, "nodes/_readout.user_watched")))
    for name, value in (("context/time", FIRST_TIME - 10 * DAY), ("nodes/user.#id", 7 * 39), ("nodes/user.#id", 5)):
        example = tf.train.Example.FromString(record)
        example.features.feature[name].int64_list.value[0] = value
        assert recount_of(store, shop).check([example.SerializeToString()]).leaks


def _values(record: bytes, name: str) -> list[float]:
    return list(tf.train.Example.FromString(record).features.feature[name].float_list.value)


def test_a_changed_count_fails_the_command(shop: Shop, tmp_path: Path) -> None:
    examples = Path(shutil.copytree(shop.examples, tmp_path / "examples"))
    path = sorted((examples / "train").glob("*.tfrecord"))[1]
    records = list(read_records(str(path)))
    example = tf.train.Example.FromString(records[5])
    example.features.feature["nodes/_readout.item_seen"].float_list.value[0] += 1
    records[5] = example.SerializeToString()
    rewrite_records(path, records)
    audit(tables=tables_config(), examples_dir=str(examples))
    with pytest.raises(LeakageError, match=f"{path.name} record 5: 'item_seen' of candidate 0: .* by the graph"):
        audit(tables=tables_config(), examples_dir=str(examples), graph_dir=str(shop.graph), recount=None)


def test_each_file_has_its_part_of_the_sample() -> None:
    shards = [{"num_requests": count} for count in (100, 0, 1, 899)]
    assert Recounting("graph", 100).of_shards(shards) == [10, 0, 1, 90]
    assert Recounting("graph", None).of_shards(shards) == Recounting("graph", 5_000).of_shards(shards)
    assert Recounting("graph", None).of_shards(shards) == [100, 0, 1, 899]


@pytest.mark.parametrize("value", ["some", "-1"])
def test_a_sample_of_no_number_is_refused(value: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        audit_command.main(["--config", "run.yaml", "--examples", "e", "--graph", "g", f"--recount={value}"])
    assert stopped.value.code == 2
    assert f"expected a number of records, or all, received '{value}'" in capsys.readouterr().err
