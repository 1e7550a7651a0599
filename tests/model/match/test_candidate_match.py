"""The match against sums written out candidate by candidate."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.match import MatchConfig
from tfgrec.model.match.candidate_match import MATCH, MATCH_SUMS, CandidateMatch
from tfgrec.model.match.match_sources import candidate_keys, match_sources
from tfgrec.model.match.user_events import read_events

CANDIDATES = {"_readout/item": {"#id": "video", "kind": "kind"}}
CONFIG = {"dimension": 4, "buckets": 500, "content": False}


def make(sources, *, attention: bool = False, static: bool = False, **config) -> CandidateMatch:
    return CandidateMatch(
        sources=sources,
        candidates=CANDIDATES,
        config={**CONFIG, **config},
        attention=attention,
        static=static,
        name="match",
    )


def candidate_vectors(match, batch) -> tf.Tensor:
    edges, videos = batch.edge_sets["_readout/item"].adjacency, batch.node_sets["video"]
    items = tf.gather(edges[tfgnn.SOURCE], tf.argsort(edges[tfgnn.TARGET]))
    return match._vectors(
        {space: tf.gather(videos[name], items) for name, space in CANDIDATES["_readout/item"].items()}
    )


def one_by_one(match, batch, sources) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sums, means, largest products and counts of every candidate, with loops."""
    edges = batch.edge_sets["_readout/item"].adjacency
    videos = batch.node_sets["video"]
    lengths = batch.node_sets["_readout"].sizes.numpy()
    requests = np.repeat(np.arange(len(lengths)), lengths)
    table = match._vectors
    rows: tuple[list, ...] = ([], [], [], [])
    for candidate, request in enumerate(requests):
        item = edges[tfgnn.SOURCE].numpy()[edges[tfgnn.TARGET].numpy() == candidate]
        keys = {space: tf.gather(videos[name], item) for name, space in CANDIDATES["_readout/item"].items()}
        vector = table(keys).numpy().sum(axis=0)
        found: tuple[list, ...] = ([], [], [], [])
        for source in sources:
            events = read_events(batch, source)
            own = events.requests.numpy() == request
            vectors, numbers = table(events.keys).numpy()[own], events.numbers.numpy()[own]
            products, count = vectors @ vector, own.sum()
            for channel in range(numbers.shape[1]):
                found[0].append((products * numbers[:, channel]).sum() / np.sqrt(count + 4))
                found[1].append((products * numbers[:, channel]).sum() / (count + 1))
            found[2].append(products.max() if count else 0.0)
            found[3].append(np.log1p(count))
        for row, values in zip(rows, found, strict=True):
            row.append(values)
    return tuple(np.array(row) for row in rows)


@pytest.mark.parametrize("lengths", [[2, 0, 3], [0, 0, 0], [1, 7, 40]])
@pytest.mark.parametrize("candidates", [[1, 0, 7], [2, 2, 2]])
def test_products_are_those_of_loops(with_history, history, watched, lengths, candidates) -> None:
    sources, batch = [history, watched], with_history(lengths, candidates=candidates)
    match = make(sources)
    fields = match(batch)
    expected = one_by_one(match, batch, sources)
    np.testing.assert_allclose(fields[MATCH_SUMS], expected[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(fields[MATCH], np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-6)


def test_a_request_does_not_see_the_others(with_history, history, watched) -> None:
    match = make([history, watched], attention=True)
    lengths = [4, 0, 9]
    together = with_history(lengths)
    expected = match(together)[MATCH].numpy()
    changed = together.replace_features(
        node_sets={
            "history/shown": {
                **together.node_sets["history/shown"].get_features_dict(),
                "#id": tf.concat([together.node_sets["history/shown"]["#id"][:4], tf.zeros([9], tf.int64)], axis=0),
            }
        }
    )
    found = match(changed)[MATCH].numpy()
    np.testing.assert_allclose(found[:4], expected[:4], rtol=1e-5, atol=1e-6)
    assert not np.allclose(found[4:], expected[4:])


def test_attention_is_a_softmax_over_all_events(with_history, history, watched) -> None:
    sources, batch = [history, watched], with_history([3, 0, 5])
    match = make(sources, attention=True)
    match(batch)
    attention = match._attention
    random = np.random.default_rng(0)
    attention.set_weights([random.normal(size=weight.shape) for weight in attention.get_weights()])
    width = match(batch)[MATCH].shape[1]
    found = match(batch)[MATCH].numpy()[:, width - 2 * (4 + 4 + 2) :].reshape(-1, 2, 4 + 4 + 2)
    scales, sharpness, of_channels, ageing = (weight.numpy() for weight in attention.weights)
    candidates = candidate_vectors(match, batch).numpy()
    lengths = batch.node_sets["_readout"].sizes.numpy()
    for candidate, request in enumerate(np.repeat(np.arange(3), lengths)):
        vectors, channels, ages = [], [], []
        for place, source in enumerate(sources):
            events = read_events(batch, source)
            own = events.requests.numpy() == request
            vectors.append(match._vectors(events.keys).numpy()[own])
            channels.append(np.zeros((own.sum(), 4)))
            channels[-1][:, 2 * place : 2 * place + 2] = events.numbers.numpy()[own]
            ages.append(events.ages.numpy()[own])
        vectors, channels, ages = (np.concatenate(parts) for parts in (vectors, channels, ages))
        for head in range(2):
            scores = vectors @ (candidates[candidate] * scales[head]) * sharpness[head]
            scores = scores + channels @ of_channels[:, head] - ages * ageing[head]
            weights = np.exp(scores - scores.max(initial=0)) if len(scores) else np.zeros(0)
            weights = weights / max(weights.sum(), 1e-30)
            products = candidates[candidate] * (weights @ vectors)
            expected = [*(weights @ channels), weights @ ages, *products, products.sum()]
            np.testing.assert_allclose(found[candidate, head], expected, rtol=1e-3, atol=1e-5)


def test_the_penalty_is_that_of_a_loss_with_it(with_history, history) -> None:
    batch = with_history([3, 1])
    plain, penalised = make([history], dropout=0.0, l2=0.0), make([history], dropout=0.0, l2=0.3)
    plain(batch), penalised(batch)
    penalised.set_weights(plain.get_weights())
    gradients = []
    for match, with_term in ((plain, True), (penalised, False)):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(match(batch, training=True)[MATCH_SUMS])
            if with_term:
                vectors = candidate_vectors(match, batch)
                loss += 0.3 * tf.reduce_mean(tf.reduce_sum(vectors**2, axis=1))
        gradients.append(tf.convert_to_tensor(tape.gradient(loss, match.id_tables[0])).numpy())
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-4, atol=1e-7)


def test_hidden_keys_leave_the_others(with_history, history) -> None:
    vectors = make([history], dropout=0.5)._vectors
    keys = {"video": tf.range(4_000, dtype=tf.int64), "kind": tf.fill([4_000], "clip")}
    whole, parts = vectors(keys), [vectors({space: values}) for space, values in keys.items()]
    hidden = vectors(keys, training=True).numpy()
    kinds = [whole.numpy(), parts[0].numpy(), parts[1].numpy(), np.zeros_like(whole)]
    met = np.stack([np.isclose(hidden, kind, atol=1e-6).all(axis=1) for kind in kinds])
    assert met.any(axis=0).all()
    np.testing.assert_allclose(met.mean(axis=1), 0.25, atol=0.05)


def test_sources_are_what_candidates_share_a_namespace_with(schema_with_history, statistics) -> None:
    config = MatchConfig(keys={"video": ["kind", "tags"]})
    assert candidate_keys(schema_with_history, config) == {"video": {"#id": "video", "kind": "kind", "tags": "tags"}}
    found = {source.name: source for source in match_sources(schema_with_history, config, statistics)}
    assert list(found) == ["history/shown", "watched"]
    assert found["history/shown"].keys == {"#id": "video", "kind": "kind"}
    assert found["history/shown"].numbers == ["taken"]
    assert found["history/shown"].scales["taken"].log_standard_deviation == 1  # A flag.
    assert found["watched"].keys == {"#id": "video", "kind": "kind", "tags": "tags"}


def test_given_vectors_take_the_place_of_the_tables(with_history, history, watched) -> None:
    batch = with_history([3, 0, 5])
    given = tf.constant(np.random.default_rng(0).normal(size=(50, 6)), tf.float32)
    asked = []

    def look_up(ids: tf.Tensor, node_set: str, times: tf.Tensor) -> tf.Tensor:
        asked.append((node_set, ids.shape[0], times.shape[0]))
        return tf.gather(given, ids)

    match = make([history, watched], static=True)
    sums = match(batch, None, look_up)[MATCH_SUMS].numpy()
    assert match.id_tables == []
    assert {node_set for node_set, _, _ in asked} == {"video"}
    assert all(ids == times for _, ids, times in asked)
    kernel = match._maps["video"].kernel.numpy()
    edges = batch.edge_sets["_readout/item"].adjacency
    items = batch.node_sets["video"]["#id"].numpy()[edges[tfgnn.SOURCE].numpy()]
    events = read_events(batch, history)
    for candidate, item in enumerate(items):
        own = events.requests.numpy() == candidate // 2
        products = (given.numpy()[events.keys["video"].numpy()[own]] @ kernel) @ (given.numpy()[item] @ kernel)
        np.testing.assert_allclose(sums[candidate, 0], products.sum() / np.sqrt(own.sum() + 4), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["dot", "attention"])
def test_joint_training_learns_what_only_the_match_can_tell(build, schema_with_history, with_history, kind) -> None:
    """A candidate is clicked if its own user was shown it before: no feature tells."""
    model = build(
        "joint", schema=schema_with_history, fusion={"match": kind}, match={"buckets": 5_000, "content": False}
    )
    model.compile(
        optimizer=tf.keras.optimizers.Adam(0.01), embedding_optimizer=tf.keras.optimizers.Adam(0.05), clip_norm=10.0
    )

    def batch(seed: int):
        graph = with_history([6] * 32, seed=seed)
        shown = np.split(graph.node_sets["history/shown"]["#id"].numpy(), 32)
        edges = graph.edge_sets["_readout/item"].adjacency
        items = graph.node_sets["video"]["#id"].numpy()[edges[tfgnn.SOURCE].numpy()]
        clicks = np.array([item in shown[place // 2] for place, item in enumerate(items)], np.float32)
        return graph, {"click": tf.constant(clicks), "seconds": tf.zeros([64])}

    step = tf.function(model.train_step, reduce_retracing=True)
    for seed in range(60):
        step(batch(seed))
    logits, clicks = [], []
    for seed in range(1000, 1010):
        graph, labels = batch(seed)
        logits.append(model(graph)["click"].numpy())
        clicks.append(labels["click"].numpy())
    logits, clicks = np.concatenate(logits), np.concatenate(clicks) > 0
    above = (logits[clicks][:, np.newaxis] > logits[~clicks]).mean()
    assert above > 0.75
