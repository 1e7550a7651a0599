"""With `requests.unknown: score`, impressions of users and items that the graph does not know become records too."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from decoded_records import candidates_of, decode
from shop_tables import SCHEMA, TABLES, Shop, run_config, tables_config, write_frames
from test_online_equals_job import online_request

from beam_jobs.audit import audit
from beam_jobs.sample_subgraphs import sample_subgraphs
from beam_jobs.tfrecords.tfrecord_shards import read_records
from tfgrec.config import TablesConfig
from tfgrec.errors import InputDataError, LeakageError
from tfgrec.graph.absent_values import ABSENT
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest

NOBODY, NOTHING, NOWHERE = 9_000_001, 77, "nowhere"


def tables() -> TablesConfig:
    return tables_config(requests={**TABLES["requests"], "unknown": "score"})


def records_in(folder: Path) -> list[bytes]:
    return [record for path in sorted(folder.rglob("*.tfrecord")) for record in read_records(str(path))]


@pytest.fixture(scope="module")
def sampled(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """Records of a log that names a user, a video and a room which the shop's graph does not have."""
    folder = tmp_path_factory.mktemp("unknown")
    log, live = shop.frames["log"].copy(), shop.frames["live"].copy()
    log.loc[log.index % 40 == 3, "user"] = NOBODY
    log.loc[log.index % 40 == 5, "user"] = NOBODY + 7
    log.loc[log.index % 30 == 4, "video"] = NOTHING
    live.loc[live.index % 9 == 2, "room"] = NOWHERE
    live.loc[live.index % 18 == 2, "user"] = NOBODY
    data = write_frames({**shop.frames, "log": log, "live": live}, folder / "data")
    manifest = sample_subgraphs(
        config=run_config(),
        tables=tables(),
        schema=SCHEMA,
        data_dir=str(data),
        graph_dir=str(shop.graph),
        output_dir=str(folder / "examples"),
    )
    return manifest, folder / "examples"


@pytest.fixture(scope="module")
def records(sampled: tuple[dict[str, Any], Path]) -> list[bytes]:
    return records_in(sampled[1])


@pytest.fixture(scope="module")
def service(shop: Shop) -> ExampleService:
    return ExampleService.open(shop.graph, sampling=run_config().sampling, requests=tables().requests)


def test_every_impression_is_in_a_record(
    sampled: tuple[dict[str, Any], Path], records: list[bytes], shop: Shop
) -> None:
    manifest, _ = sampled
    assert all(table["bad_rows"] == 0 for table in manifest["tables"].values())
    candidates = [of for record in decode(records) for of in candidates_of(record)]
    assert len(candidates) == len(shop.frames["log"]) + len(shop.frames["live"])
    assert {NOBODY, NOBODY + 7} < {of.user for of in candidates}
    assert {NOTHING, NOWHERE} < {of.item for of in candidates}


def test_those_of_known_ones_are_as_before(records: list[bytes], shop: Shop) -> None:
    known = [
        record
        for record in records
        if all(of.user < NOBODY and of.item not in (NOTHING, NOWHERE) for of in candidates_of(decode([record])[0]))
    ]
    assert len(records) > len(known) > 200
    # Requests that lost a candidate to an unknown one aside.
    assert len(set(known) - set(records_in(shop.examples))) < 40


def test_unknown_nodes_have_no_edges_and_absent_features(records: list[bytes]) -> None:
    users = items = 0
    for record in decode(records):
        for candidate in candidates_of(record):
            if candidate.user >= NOBODY:
                users += 1
                assert candidate.values["user_watched"] == 0 and candidate.values["user_since_clicked"] == -1
                place = record["nodes/user.#id"].index(candidate.user)
                assert record["nodes/user.group"][place] == ABSENT["string"].encode()
                assert math.isnan(record["nodes/user.age"][place])
                assert place not in [*record["edges/watched.#source"], *record["edges/visited.#source"]]
                assert record["nodes/history/watched.#size"] == [0]
            if candidate.item in (NOTHING, NOWHERE):
                items += 1
                assert candidate.values["item_seen"] == 0 and candidate.values["kin_mean_liked"] == -1
            if candidate.item == NOTHING:
                place = record["nodes/video.#id"].index(NOTHING)
                assert math.isnan(record["nodes/video.price"][place])
                assert record["nodes/video.tags.d1"][place] == 0
                assert place not in record["edges/has_tag.#source"]
    assert users > 20 and items > 15


def test_a_service_has_the_job_s_bytes(service: ExampleService, records: list[bytes]) -> None:
    requests = [online_request(record) for record in records]
    assert service.examples(requests) == records
    unknown = [number for number, request in enumerate(requests) if request.user >= NOBODY][:20]
    assert [service.examples([requests[number]])[0] for number in unknown] == [records[number] for number in unknown]


def test_the_audit_counts_them_again(sampled: tuple[dict[str, Any], Path], shop: Shop, tmp_path: Path) -> None:
    asked = {"examples_dir": str(sampled[1]), "graph_dir": str(shop.graph), "recount": None}
    report = audit(tables=tables(), **asked, report_dir=str(tmp_path / "score"))
    assert report["passed"] and report["recounted"]["candidates"] == 500
    with pytest.raises(LeakageError):
        audit(tables=tables_config(), **asked, report_dir=str(tmp_path / "set_aside"))
    found = [leak["problem"] for leak in json.loads((tmp_path / "set_aside" / "audit.json").read_text())["examples"]]
    assert found and all("is not in the record or not in the graph" in problem for problem in found)


class TestContent:
    """What a caller says of nodes that the graph does not know."""

    ASKED = {"user": NOBODY, "time": 1_650_010_000_000, "items": [NOTHING, 10**15], "item_node_set": "video"}

    def decoded(self, service: ExampleService, **changes: Any) -> dict[str, Any]:
        return decode([service.example(**{**self.ASKED, "features": {"tab": 1}, **changes})])[0]

    def test_is_in_the_record(self, service: ExampleService) -> None:
        plain = self.decoded(service)
        told = self.decoded(
            service,
            user_features={"group": "a", "age": None},
            item_features=[{"price": 2, "tags": ["new"]}, {"price": 3.5}],
        )
        assert told["nodes/user.group"][0] == b"a" and math.isnan(told["nodes/user.age"][0])
        assert told["nodes/video.#id"][0] == NOTHING and told["nodes/video.price"][0] == 2
        assert told["nodes/video.tags"][0] == b"new" and told["nodes/video.tags.d1"][0] == 1
        # What the graph knows is not asked of the caller.
        assert told["nodes/video.price"][1:] == plain["nodes/video.price"][1:]

    def test_is_of_its_own_request(self, service: ExampleService) -> None:
        whole = {**self.ASKED, "features": {"tab": 1}}
        first, second = ({**whole, "user_features": {"group": group}} for group in "ab")
        together = service.examples([OnlineRequest(**first), OnlineRequest(**whole), OnlineRequest(**second)])
        assert together == [service.example(**request) for request in (first, whole, second)]

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"user_features": {"grup": "a"}}, "user_features: no feature 'grup' of 'user': did you mean 'group'?"),
            ({"user_features": {"group": 3}}, "request 0: 'group': expected string, received 3"),
            ({"user_features": "a"}, "request 0: user_features: expected features by name, received 'a'"),
            ({"item_features": [{"price": 1}]}, "item_features: expected a list of one for each of 2 candidates"),
            ({"item_features": [{"tags": "new"}, None]}, "request 0: 'tags': expected a list of string"),
            ({"item_features": [None, {"#id": 3}]}, "item_features: no feature '#id' of 'video'"),
        ],
    )
    def test_that_does_not_fit_is_named(self, service: ExampleService, changes: dict, complaint: str) -> None:
        with pytest.raises(InputDataError) as raised:
            self.decoded(service, **changes)
        assert complaint in str(raised.value)

    def test_no_candidates_make_a_record_of_the_user(self, service: ExampleService) -> None:
        record = self.decoded(service, items=[])
        assert record["nodes/_readout.#size"] == [0] and record["nodes/user.#id"][0] == NOBODY

    def test_unknown_users_ask_for_items(self, service: ExampleService) -> None:
        request = OnlineRequest(**{**self.ASKED, "features": {"tab": 1}, "user_features": {"group": "b"}})
        record = decode(service.query_examples([request]))[0]
        assert record["nodes/user.#id"] == [NOBODY] and record["nodes/user.group"] == [b"b"]
