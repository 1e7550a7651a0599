"""Events are those of each request's own user, beside their request, newest and padding told apart."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.model.features.feature_specs import NumericSpec
from tfgrec.model.match.match_sources import MatchSource
from tfgrec.model.match.user_events import read_events, side_by_side


def test_a_history_keeps_requests_apart(with_history, history) -> None:
    batch = with_history([2, 0, 3])
    events = read_events(batch, history)
    assert events.requests.numpy().tolist() == [0, 0, 2, 2, 2]
    assert events.nodes is None
    raw = batch.node_sets["history/shown"]
    np.testing.assert_array_equal(events.keys["video"], raw["#id"])
    np.testing.assert_allclose(events.numbers[:, 1], np.log1p(raw["taken"]), rtol=1e-6)
    seconds = (batch.context["time"].numpy()[events.requests] - raw["time"].numpy()) / 1000
    np.testing.assert_allclose(events.ages, np.log1p(seconds) / np.log(86_401), rtol=1e-4)


def test_numbers_are_read_on_the_scale_of_the_records(with_history, history) -> None:
    """Seconds and milliseconds of the same events are the same channel."""
    batch, random = with_history([40, 0, 60]), np.random.default_rng(5)
    seconds = random.exponential(20, 100) + 1
    read = []
    for times in (seconds, seconds * 1000):
        logs = np.log1p(times)
        spec = NumericSpec(transforms=["log"], log_mean=logs.mean(), log_standard_deviation=logs.std())
        features = {**batch.node_sets["history/shown"].get_features_dict(), "taken": tf.constant(times, tf.float32)}
        scaled = history.model_copy(update={"scales": {"taken": spec}})
        read.append(read_events(batch.replace_features(node_sets={"history/shown": features}), scaled).numbers[:, 1])
        expected = np.clip((logs - logs.mean()) / logs.std(), -5, 5)
        np.testing.assert_allclose(read[-1], expected, rtol=1e-3, atol=1e-4)
    assert np.corrcoef(*read)[0, 1] > 0.99


def test_a_path_begins_at_the_requests_own_user_alone(graph, watched) -> None:
    batch = graph(num_requests=4, seed=1)
    events = read_events(batch, watched)
    edges, roots = batch.edge_sets["watched"], batch.edge_sets["_readout/user"].adjacency[tfgnn.SOURCE].numpy()
    expected = []
    for edge, (user, video) in enumerate(zip(*(edges.adjacency[end].numpy() for end in (0, 1)), strict=True)):
        if user in roots:
            expected.append((user // 3, video, np.log1p(edges["liked"].numpy()[edge])))
    found = zip(events.requests.numpy(), events.nodes.numpy(), events.numbers.numpy()[:, 1], strict=True)
    assert len(expected) < len(edges["liked"])
    np.testing.assert_allclose(sorted(found), sorted(expected), rtol=1e-6)


def test_a_path_of_two_goes_on_from_what_the_user_met(graph) -> None:
    # video -> user -> video stands for any second edge set; here watched_by leads back to users.
    source = MatchSource(
        name="watched.watched_by", history=False, path=["watched", "watched_by"], target="user",
        keys={"#id": "user"}, timed=True,
    )  # fmt: skip
    batch = graph(num_requests=4, seed=2)
    events = read_events(batch, source)
    first, second = (batch.edge_sets[name].adjacency for name in ("watched", "watched_by"))
    roots = set(batch.edge_sets["_readout/user"].adjacency[tfgnn.SOURCE].numpy())
    met = {video for user, video in zip(first[0].numpy(), first[1].numpy(), strict=True) if user in roots}
    ends = [user for video, user in zip(second[0].numpy(), second[1].numpy(), strict=True) if video in met]
    assert sorted(events.nodes.numpy()) == sorted(ends)


def test_no_edges_are_no_events(graph, watched) -> None:
    assert read_events(graph(without_edges=["watched"]), watched).requests.shape == [0]


@pytest.mark.parametrize("lengths", [[[2, 0, 1], [0, 0, 0]], [[0, 3, 1], [1, 0, 2]]])
def test_lists_have_columns_of_their_own(lengths) -> None:
    requests = [np.repeat(np.arange(3), of) for of in lengths]
    values = [np.arange(len(of))[:, np.newaxis] + 10.0 * (1 + place) for place, of in enumerate(requests)]
    dense = side_by_side(values, requests, 3).numpy()
    assert dense.shape == (3, max(lengths[0]) + max(lengths[1]), 1)
    for row in range(3):
        parts = [values[place][requests[place] == row, 0] for place in (0, 1)]
        expected = np.concatenate(
            [np.pad(part, (0, max(of) - len(part))) for part, of in zip(parts, lengths, strict=True)]
        )
        np.testing.assert_array_equal(dense[row, :, 0], expected)
