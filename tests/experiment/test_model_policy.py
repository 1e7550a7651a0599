"""A model as a policy: each item of a pool gets its own score, and what fails is counted."""

import numpy as np
import pytest

from tfgrec.config.world import SCENARIOS
from tfgrec.errors import InputDataError
from tfgrec.experiment.model_policy import ModelPolicy
from tfgrec.experiment.pools import Pools, slates
from tfgrec.serving.clients.client import ModelClient
from tfgrec.serving.signatures.names import SIGNATURE
from tfgrec.simulation import WorldSettings, create_world
from tfgrec.simulation.tables import raw_item_ids

WORLD = create_world(WorldSettings(users=20, videos=30, live_rooms=20, authors=5, days=2))


class Examples:
    """Stands for ExampleService: an example is the number of its request."""

    def __init__(self) -> None:
        self.requests = []

    def examples(self, requests):
        self.requests = list(requests)
        return [str(number).encode() for number in range(len(requests))]


class Model(ModelClient):
    """Scores an item by its raw id, video or room."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    def predict(self, signature, inputs):
        assert signature == SIGNATURE
        asked = [self._examples.requests[int(example)] for example in inputs["examples"]]
        scores = [float(str(item).removeprefix("room_")) for request in asked for item in request.items]
        return {"combined": np.array(scores), "candidates_per_request": np.array([len(one.items) for one in asked])}

    def check_ready(self):
        pass


def policy_of(examples: Examples, scenarios=SCENARIOS, **options) -> ModelPolicy:
    return ModelPolicy(
        user_ids=WORLD.user_ids,
        item_ids=raw_item_ids(WORLD),
        examples=examples,
        model=Model(examples),
        scenarios=scenarios,
        **options,
    )


def pools(domain: str, items: list[list[int]]) -> Pools:
    users = np.arange(len(items)) + 3
    zeros = np.zeros(len(items), int)
    times = 1_709_510_400_000 + users
    return Pools(domain, 0, users, zeros, zeros, times, zeros + (2 if domain == "live" else 0), np.array(items))


def test_scores_are_those_of_their_items_in_both_domains():
    examples = Examples()
    policy = policy_of(examples)
    asked = [pools("video", [[4, -1, 6], [-1, -1, -1], [7, 8, 9]]), pools("live", [[2, 1, -1]])]
    found = policy.scores(asked)
    ids = raw_item_ids(WORLD)
    for of_domain, scores in zip(asked, found, strict=True):
        there = of_domain.items >= 0
        raw = [float(str(one).removeprefix("room_")) for one in ids[of_domain.domain][of_domain.items[there]]]
        np.testing.assert_array_equal(scores[there], raw)
    best = slates(asked[0], found[0], 2)
    assert best[0].tolist() == sorted([4, 6], key=lambda item: -ids["video"][item]) and best[1].tolist() == [-1, -1]
    first, _, room = examples.requests
    assert (first.user, first.item_node_set, first.features) == (WORLD.user_ids[3], "video", {"scenario": "feed"})
    assert first.time == asked[0].times[0] and room.features == {"scenario": "live_feed"}
    assert policy.calls[0][:2] == (3, 7) and policy.failed == 0


def test_warming_up_asks_for_every_domain_and_is_not_counted():
    examples = Examples()
    policy = policy_of(examples)
    policy.warm_up(1_709_510_400_000)
    assert {request.item_node_set for request in examples.requests} == {"video", "live"}
    assert policy.calls == [] and policy.failed == 0


def test_many_requests_are_several_calls_with_the_same_scores():
    examples, asked = Examples(), [pools("video", [[4, -1, 6], [5, 3, -1], [7, 8, 9]]), pools("live", [[2, 1, -1]])]
    together, apart = policy_of(examples), policy_of(examples, requests_per_call=3)
    for whole, parts in zip(together.scores(asked), apart.scores(asked), strict=True):
        np.testing.assert_array_equal(parts, whole)
    assert [call[:2] for call in apart.calls] == [(3, 7), (1, 2)]


def test_a_schema_without_scenarios_is_asked_without():
    examples = Examples()
    policy_of(examples, scenarios=()).scores([pools("video", [[4, 5]])])
    assert examples.requests[0].features == {}


def test_requests_that_fail_keep_their_pools_order_and_are_counted(monkeypatch: pytest.MonkeyPatch):
    examples = Examples()
    policy = policy_of(examples)

    def refuse(requests):
        raise InputDataError("no such user")

    monkeypatch.setattr(examples, "examples", refuse)
    asked = pools("video", [[4, 5, 6], [7, 8, 9]])
    assert slates(asked, policy.scores([asked])[0], 2).tolist() == [[4, 5], [7, 8]]
    assert policy.failed == 2
