"""Users and items that the graph does not know are scored, and leave the scores of others as they were."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import small_records
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgrec.config.tables import Requests
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.serving.signatures.scoring import make_scoring_function
from tfgrec.training.run_model import RunModel

REQUESTS = Requests.model_validate({**small_records.TABLES["requests"], "unknown": "score"})
ASKED: dict[str, Any] = {"time": 1_651_795_200_900, "features": {"scenario": "feed", "hour": 3}}
NOBODY, NOTHING = 9, 7

Ask = Callable[[Sequence[OnlineRequest]], list[np.ndarray]]


@pytest.fixture(scope="module")
def ask(served_run: RunModel, store: GraphStore) -> Ask:
    """Clicks of each request's candidates, by a model that has states for unknown ids."""
    training = served_run.config.training.model_copy(update={"hidden_ids": 0.5})
    run_model = RunModel(served_run.config.model_copy(update={"training": training}), served_run.run)
    random = np.random.default_rng(5)
    for variable in [*run_model.model.trainable_variables]:
        if "_map/" in variable.name or "ids_" in variable.name:
            variable.assign(random.normal(0, 0.3, variable.shape))
    score = make_scoring_function(run_model.model, run_model.serving_schema)
    service = ExampleService(store=store, sampling=small_records.SAMPLING, requests=REQUESTS)

    def clicks(requests: Sequence[OnlineRequest]) -> list[np.ndarray]:
        scores = score(tf.constant(service.examples(requests)))
        counts = scores["candidates_per_request"].numpy()
        return np.split(scores["click"].numpy(), np.cumsum(counts)[:-1])

    return clicks


def request(user: int, *items: int, **changes: Any) -> OnlineRequest:
    return OnlineRequest(**{"user": user, "items": list(items), **ASKED, **changes})


def test_all_kinds_are_scored_side_by_side(ask: Ask) -> None:
    requests = [request(107, 503, 501), request(NOBODY, 503), request(107, NOTHING), request(NOBODY, NOTHING)]
    together = ask([*requests, request(NOBODY), request(108, 502)])
    assert [len(of) for of in together] == [2, 1, 1, 1, 0, 1]
    assert all(((of > 0) & (of < 1)).all() for of in together)
    for scores, asked in zip(together, requests, strict=False):
        np.testing.assert_allclose(ask([asked])[0], scores, rtol=1e-5)


def test_which_unknown_id_it_is_makes_no_difference_and_content_does(ask: Ask) -> None:
    long = {"duration": 80.0, "tags": ["a"]}
    plain, other, told = ask([request(107, NOTHING), request(107, 8), request(107, NOTHING, item_features=[long])])
    np.testing.assert_allclose(other, plain, rtol=1e-6)
    assert abs(told - plain) > 1e-4
    young, nameless = ask([request(NOBODY, 503, user_features={"age_group": "young"}), request(NOBODY, 503)])
    assert abs(young - nameless) > 1e-4


@settings(max_examples=12, deadline=None)
@given(
    st.integers(100, 139),
    st.lists(st.integers(500, 529), min_size=1, max_size=4, unique=True),
    st.lists(st.integers(1, 99), min_size=1, max_size=3, unique=True),
)
def test_unknown_items_leave_the_scores_of_known_ones(ask: Ask, user: int, known: list, unknown: list) -> None:
    alone, beside = ask([request(user, *known), request(user, unknown[0], *known, *unknown[1:])])
    np.testing.assert_allclose(beside[1 : len(known) + 1], alone, atol=1e-5)
