"""The audit lets good records pass, and fails loudly on records that were tampered with."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
from decoded_records import candidates_of, read_split
from rewritten_records import rewrite_records
from shop_tables import CLICK_DELAY, SCHEMA, Shop, tables_config

from beam_jobs.audit import audit
from beam_jobs.graph_shards.feedback_delays import feedback_delays
from beam_jobs.records.leakage import LeakageCheck
from beam_jobs.tfrecords.tfrecord_shards import read_records, write_records
from tfgrec.errors import InputDataError, LeakageError
from tfgrec.graph.schema import ID, GraphSchema

TIMED = ["clicked", "clicked_by", "visited", "visited_by", "watched", "watched_by"]
HISTORIES = ["history/clicked", "history/visited", "history/watched"]


@pytest.fixture()
def examples(shop: Shop, tmp_path: Path) -> Path:
    """A copy of the records, to be spoiled."""
    return Path(shutil.copytree(shop.examples, tmp_path / "examples"))


def with_edges(examples: Path, edge_set: str, least: int = 1) -> tuple[Path, int, tf.train.Example]:
    """A record that has at least so many edges of a set: file, number, contents."""
    for path in sorted(examples.rglob("*.tfrecord")):
        for number, record in enumerate(read_records(str(path))):
            example = tf.train.Example.FromString(record)
            if example.features.feature[f"edges/{edge_set}.#size"].int64_list.value[0] >= least:
                return path, number, example
    raise AssertionError(f"no record has {least} edges of {edge_set}")


def put_back(path: Path, number: int, example: tf.train.Example) -> None:
    records = list(read_records(str(path)))
    records[number] = example.SerializeToString()
    rewrite_records(path, records)


def target_edges(examples: Path) -> dict[str, int]:
    """How many edges tie a request's user to its candidates, counted one by one."""
    counts = dict.fromkeys([*TIMED, *HISTORIES], 0)
    for record in (
        record for split in ("train", "validation") for shard in read_split(examples, split) for record in shard
    ):
        pairs = {(of.user, of.item) for of in candidates_of(record)}
        for name in TIMED:
            edges = SCHEMA.edge_sets[name]
            sources, targets = (
                [record[f"nodes/{node_set}.#id"][number] for number in record[f"edges/{name}.{end}"]]
                for node_set, end in ((edges.source, "#source"), (edges.target, "#target"))
            )
            users, items = (sources, targets) if edges.source == "user" else (targets, sources)
            texts = [item.decode() if isinstance(item, bytes) else item for item in items]
            counts[name] += sum(tie in pairs for tie in zip(users, texts, strict=True))
        candidates = {item for _, item in pairs}
        for name in HISTORIES:
            ids = record[f"nodes/{name}.#id"]
            counts[name] += sum((raw.decode() if isinstance(raw, bytes) else raw) in candidates for raw in ids)
    return counts


def with_events(examples: Path, history: str, least: int = 1) -> tuple[Path, int, tf.train.Example]:
    """A record that lists at least so many events: file, number, contents."""
    for path in sorted(examples.rglob("*.tfrecord")):
        for number, record in enumerate(read_records(str(path))):
            example = tf.train.Example.FromString(record)
            if example.features.feature[f"nodes/{history}.#size"].int64_list.value[0] >= least:
                return path, number, example
    raise AssertionError(f"no record has {least} events of {history}")


def record_of_a_video(examples: Path, edge_set: str) -> tuple[tf.train.Example, int, int, int]:
    """A record that has edges of a set and one candidate, a video; its user's number, the video's and another one's."""
    for path in sorted(examples.rglob("*.tfrecord")):
        for record in read_records(str(path)):
            example = tf.train.Example.FromString(record)
            features = {name: value.int64_list.value for name, value in example.features.feature.items()}
            candidates = features["edges/_readout/item.#source"]
            others = sorted(set(range(len(features["nodes/video.#id"]))) - set(candidates))
            if features[f"edges/{edge_set}.#size"][0] and len(candidates) == 1 and others:
                return example, features["edges/_readout/user.#source"][0], candidates[0], others[0]
    raise AssertionError(f"no such record has edges of {edge_set}")


def put_edge(example: tf.train.Example, edge_set: str, user: int, video: int) -> None:
    """Leaves one edge of a set between a user and a video, given by their numbers."""
    ends = (user, video) if SCHEMA.edge_sets[edge_set].source == "user" else (video, user)
    features = example.features.feature
    features[f"edges/{edge_set}.#size"].int64_list.value[0] = 1
    for end, number in zip(("#source", "#target"), ends, strict=True):
        features[f"edges/{edge_set}.{end}"].int64_list.value[:] = [number]


def untimed_check(shop: Shop, edge_set: str, *, history: bool = False) -> LeakageCheck:
    """A check of records whose edge set has no times, though it is fed by the log of requests; nor has its history."""
    schema = GraphSchema.from_json(json.loads((shop.examples / "manifest.json").read_text())["schema"])
    untimed = dataclasses.replace(schema.edge_sets[edge_set], features={})
    schema = dataclasses.replace(schema, edge_sets={**schema.edge_sets, edge_set: untimed})
    if history:
        name = f"history/{edge_set}"
        events = schema.node_sets[name]
        untimed_events = dataclasses.replace(events, features={ID: events.features[ID]})
        schema = dataclasses.replace(schema, node_sets={**schema.node_sets, name: untimed_events})
    return LeakageCheck(schema, tables_config(), feedback_delays(tables_config()))


def test_good_records_pass_and_every_edge_is_counted(shop: Shop, examples: Path) -> None:
    report = audit(tables=tables_config(), examples_dir=str(examples))
    manifest = json.loads((examples / "manifest.json").read_text())
    assert report["passed"] and report["leaks"] == 0
    assert report["edges"] == {name: manifest["sizes"]["edge_sets"][name]["total"] for name in TIMED}
    assert report["target_edges"] == target_edges(examples)
    assert report["target_edges"]["watched"] > 20 and set(report["target_edges"]) == {*TIMED, *HISTORIES}
    assert report["events"] == {name: manifest["sizes"]["node_sets"][name]["total"] for name in HISTORIES}
    assert report["events"]["history/clicked"] > 100
    assert report["records"] == sum(split["num_requests"] for split in manifest["splits"].values())
    assert json.loads((examples / "audit.json").read_text()) == report


def test_the_report_may_go_elsewhere(examples: Path, tmp_path: Path) -> None:
    before = sorted(examples.rglob("*"))
    report = audit(tables=tables_config(), examples_dir=str(examples), report_dir=str(tmp_path / "report"))
    assert sorted(examples.rglob("*")) == before
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["audit.json"]
    assert json.loads((tmp_path / "report" / "audit.json").read_text()) == report


def test_one_edge_at_the_requests_own_time_fails_the_job(examples: Path) -> None:
    path, number, example = with_edges(examples, "watched", 2)
    request_time = example.features.feature["context/time"].int64_list.value[0]
    example.features.feature["edges/watched.time"].int64_list.value[1] = request_time
    put_back(path, number, example)
    with pytest.raises(LeakageError) as raised:
        audit(tables=tables_config(), examples_dir=str(examples))
    place = f"{path.relative_to(examples)} record {number}"
    assert f"{place}: edge set 'watched': 1 edges that a request at {request_time} can't have seen" in str(raised.value)
    report = json.loads((examples / "audit.json").read_text())
    assert (report["passed"], report["leaks"]) == (False, 1)
    assert report["examples"][0]["record"] == number
    assert not list(examples.glob("audit.json.*"))


def test_one_event_at_the_requests_own_time_fails_the_job(examples: Path) -> None:
    path, number, example = with_events(examples, "history/watched", 3)
    request_time = example.features.feature["context/time"].int64_list.value[0]
    example.features.feature["nodes/history/watched.time"].int64_list.value[0] = request_time
    put_back(path, number, example)
    with pytest.raises(LeakageError) as raised:
        audit(tables=tables_config(), examples_dir=str(examples))
    place = f"{path.relative_to(examples)} record {number}"
    problem = f"node set 'history/watched': 1 events that a request at {request_time} can't have seen"
    assert f"{place}: {problem}" in str(raised.value)
    assert json.loads((examples / "audit.json").read_text())["leaks"] == 1


def test_a_shard_that_lost_records_is_refused(examples: Path) -> None:
    path = sorted((examples / "train").glob("*.tfrecord"))[0]
    rewrite_records(path, list(read_records(str(path)))[:-1])
    with pytest.raises(InputDataError, match=f"{path.name}: has .* records, the manifest says"):
        audit(tables=tables_config(), examples_dir=str(examples))


def test_a_shard_in_another_order_is_refused(examples: Path) -> None:
    path = sorted((examples / "train").glob("*.tfrecord"))[0]
    write_records(str(path), list(read_records(str(path)))[::-1])
    with pytest.raises(InputDataError, match=f"{path.name}: is damaged, its checksum is not the manifest's"):
        audit(tables=tables_config(), examples_dir=str(examples))


def test_records_without_a_manifest_are_refused(examples: Path) -> None:
    (examples / "manifest.json").unlink()
    with pytest.raises(InputDataError, match="manifest.json: is missing"):
        audit(tables=tables_config(), examples_dir=str(examples))


class TestLeakageCheck:
    @pytest.fixture()
    def check(self, shop: Shop) -> LeakageCheck:
        schema = GraphSchema.from_json(json.loads((shop.examples / "manifest.json").read_text())["schema"])
        return LeakageCheck(schema, tables_config(), feedback_delays(tables_config()))

    def problems(self, check: LeakageCheck, example: tf.train.Example) -> list[str]:
        return [leak.problem for leak in check.check([example.SerializeToString()]).leaks]

    @pytest.mark.parametrize(
        ("edge_set", "milliseconds_before", "leaks"),
        [
            ("watched", 1, False),
            ("watched", 0, True),
            ("watched", -1, True),
            ("clicked", CLICK_DELAY + 1, False),
            ("clicked", CLICK_DELAY, True),
            ("clicked_by", CLICK_DELAY, True),
        ],
    )
    def test_the_bound_is_strict(
        self, edge_set: str, milliseconds_before: int, leaks: bool, shop: Shop, check: LeakageCheck
    ) -> None:
        _, _, example = with_edges(shop.examples, edge_set)
        features = example.features.feature
        times = features[f"edges/{edge_set}.time"].int64_list.value
        times[0] = features["context/time"].int64_list.value[0] - milliseconds_before
        found = self.problems(check, example)
        assert bool(found) == leaks
        assert all(f"edge set '{edge_set}': 1 edges" in problem for problem in found)

    @pytest.mark.parametrize(
        ("spoil", "problem"),
        [
            (lambda features: features["edges/watched.time"].int64_list.value.pop(), "1 of which have a time"),
            (
                lambda features: features.pop("edges/watched.time"),
                "edge set 'watched': 2 edges, 0 of which have a time",
            ),
            (lambda features: features.pop("edges/watched.#size"), "edge set 'watched': records without a number"),
            (lambda features: features.pop("context/time"), "no context/time"),
        ],
        ids=["one time", "all times", "size", "request"],
    )
    def test_edges_without_times_are_no_proof(
        self, spoil: Callable, problem: str, shop: Shop, check: LeakageCheck
    ) -> None:
        _, _, example = with_edges(shop.examples, "watched", 2)
        features = example.features.feature
        features["edges/watched.#size"].int64_list.value[0] = 2
        del features["edges/watched.time"].int64_list.value[2:]
        assert not self.problems(check, example)
        spoil(features)
        assert any(problem in found for found in self.problems(check, example))

    @pytest.mark.parametrize(
        ("milliseconds_before", "leaks"), [(CLICK_DELAY + 1, False), (CLICK_DELAY, True), (-1, True)]
    )
    def test_the_bound_of_events_is_as_strict(
        self, milliseconds_before: int, leaks: bool, shop: Shop, check: LeakageCheck
    ) -> None:
        _, _, example = with_events(shop.examples, "history/clicked")
        features = example.features.feature
        times = features["nodes/history/clicked.time"].int64_list.value
        times[0] = features["context/time"].int64_list.value[0] - milliseconds_before
        found = self.problems(check, example)
        assert bool(found) == leaks
        assert all("node set 'history/clicked': 1 events" in problem for problem in found)

    def test_events_without_times_are_no_proof(self, shop: Shop, check: LeakageCheck) -> None:
        _, _, example = with_events(shop.examples, "history/visited", 2)
        features = example.features.feature
        size = features["nodes/history/visited.#size"].int64_list.value[0]
        features["nodes/history/visited.time"].int64_list.value.pop()
        assert self.problems(check, example) == [
            f"node set 'history/visited': {size} events, {size - 1} of which have a time"
        ]

    def test_untimed_events_of_a_log_must_not_be_of_candidates(self, shop: Shop) -> None:
        check = untimed_check(shop, "watched", history=True)
        example, _, candidate, other = record_of_a_video(shop.examples, "watched")
        features = example.features.feature
        ids = features["nodes/video.#id"].int64_list.value
        # The edges themselves, and the features that events have besides, are not looked at here.
        for name in ("edges/watched.#size", "nodes/history/watched.#size"):
            features[name].int64_list.value[0] = 0
        for name in ("edges/watched.#source", "edges/watched.#target"):
            del features[name].int64_list.value[:]
        features["nodes/history/watched.#id"].int64_list.value[:] = [ids[other]] * 3
        assert not self.problems(check, example)
        features["nodes/history/watched.#id"].int64_list.value[:] = [ids[other], ids[candidate], ids[candidate]]
        problem = "node set 'history/watched', fed by 'log': 2 events without a time are of the request's candidates"
        assert self.problems(check, example) == [problem]

    @pytest.mark.parametrize("edge_set", ["watched", "watched_by"])
    def test_untimed_edges_of_a_log_must_not_tie_user_and_candidate(self, edge_set: str, shop: Shop) -> None:
        check = untimed_check(shop, edge_set)
        example, user, candidate, other = record_of_a_video(shop.examples, edge_set)
        put_edge(example, edge_set, user, other)
        assert not self.problems(check, example)
        put_edge(example, edge_set, user, candidate)
        leak = f"edge set '{edge_set}', fed by 'log': 1 edges without a time tie the request's user to its candidates"
        assert self.problems(check, example) == [leak]
        # The same video under another number is the same video.
        put_edge(example, edge_set, user, other)
        ids = example.features.feature["nodes/video.#id"].int64_list.value
        ids[other] = ids[candidate]
        assert self.problems(check, example) == [leak]

    @pytest.mark.parametrize("number", [-1, 10_000])
    def test_nodes_that_are_not_there_are_no_proof(self, number: int, shop: Shop, check: LeakageCheck) -> None:
        _, _, example = with_edges(shop.examples, "watched")
        example.features.feature["edges/watched.#target"].int64_list.value[0] = number
        assert self.problems(check, example) == ["edge set 'watched': names nodes that the record does not have"]

    @pytest.mark.parametrize(("seconds", "leaks"), [(-1.0, False), (5.001, False), (5.0, True), (0.0, True)])
    def test_seconds_since_an_edge_respect_its_delay(
        self, seconds: float, leaks: bool, shop: Shop, check: LeakageCheck
    ) -> None:
        _, _, example = with_edges(shop.examples, "watched")
        example.features.feature["nodes/_readout.user_since_clicked"].float_list.value[0] = seconds
        found = self.problems(check, example)
        assert found == (
            [f"'user_since_clicked': {seconds:g} seconds since an edge, feedback delay 5000 ms"] if leaks else []
        )
