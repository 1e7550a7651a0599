"""The in-batch softmax against a loop over queries, with everything that must not be a negative left out."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgrec.model.loss_sum import LossSum
from tfgrec.model.retrieval.candidate_keys import CandidateKeys
from tfgrec.model.retrieval.in_batch_softmax import InBatchSoftmax

TEMPERATURE = 0.5
SOFTMAX = InBatchSoftmax(temperature=TEMPERATURE)


def loss_by_hand(queries, items, users, item_keys, sets, positive, negative, probabilities) -> tuple[float, int]:
    total = 0.0
    found = {(user, item) for user, item, is_found in zip(users, item_keys, positive, strict=True) if is_found}
    for query in np.flatnonzero(positive):
        draws = [i for i in range(len(items)) if i != query and negative[i]]
        classes = [i for i in draws if sets[i] == sets[query] and (users[query], item_keys[i]) not in found]
        own = np.exp(queries[query] @ items[query] / TEMPERATURE)
        # The mean over all draws of exp(logit) / Q, hits left out, estimates the sum over all other items.
        others = sum(np.exp(queries[query] @ items[i] / TEMPERATURE) / probabilities[i] for i in classes)
        total += np.log(own + others / max(len(draws), 1)) - np.log(own)
    return total, int(positive.sum())


def random_batch(seed: int, size: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    positive = random.random(size) < 0.5
    item_keys = random.integers(0, 6, size)
    return {
        "queries": random.normal(size=(size, 3)).astype(np.float32),
        "items": random.normal(size=(size, 3)).astype(np.float32),
        "users": random.integers(0, 4, size),
        "item_keys": item_keys,
        "sets": (item_keys % 2).astype(np.int32),
        "positive": positive,
        "negative": positive | (random.random(size) < 0.5),
        "probabilities": random.uniform(0.01, 0.5, size).astype(np.float32),
    }


def loss_of(batch: dict[str, np.ndarray]) -> LossSum:
    tensors = {name: tf.convert_to_tensor(values) for name, values in batch.items()}
    keys = CandidateKeys(tensors.pop("users"), tensors.pop("item_keys"), tensors.pop("sets"))
    return SOFTMAX.loss(keys=keys, **tensors)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_the_loss_is_that_of_a_loop_over_queries(seed: int, size: int) -> None:
    batch = random_batch(seed, size)
    total, count = loss_by_hand(**batch)
    found = loss_of(batch)
    assert float(found.total) == pytest.approx(total, rel=1e-4, abs=1e-5)
    assert float(found.count) == count


def test_a_batch_without_positives_is_nothing_to_learn() -> None:
    batch = random_batch(1, 5) | {"positive": np.zeros(5, bool)}
    items = tf.Variable(batch.pop("items"))
    with tf.GradientTape() as tape:
        loss = loss_of(batch | {"items": items})
        mean = loss.mean()
    assert float(loss.total) == float(loss.count) == float(mean) == 0
    np.testing.assert_array_equal(tape.gradient(mean, items), np.zeros((5, 3)))


def test_the_same_item_and_what_the_user_found_elsewhere_are_no_negatives() -> None:
    """User 1 found items 10 and 11: neither pushes the other away, nor does the second copy of item 10."""
    batch = {
        "queries": np.eye(4, 3, dtype=np.float32),
        "users": np.array([1, 1, 2, 3]),
        "item_keys": np.array([10, 11, 10, 12]),
        "sets": np.zeros(4, np.int32),
        "positive": np.array([True, True, True, False]),
        "negative": np.ones(4, bool),
        "probabilities": np.full(4, 1 / 3, np.float32),
    }
    items = tf.Variable(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32))
    queries = tf.Variable(batch.pop("queries"))
    with tf.GradientTape() as tape:
        total = loss_of({**batch, "items": items, "queries": queries}).total
    of_queries = tape.gradient(total, queries).numpy()
    # What the first query is pushed by: its own item, and item 12 alone.
    logits = (queries.numpy()[0] @ items.numpy().T)[[0, 3]] / TEMPERATURE
    other = np.exp(logits[1]) / np.exp(logits).sum()
    expected = other * (items.numpy()[3] - items.numpy()[0]) / TEMPERATURE
    np.testing.assert_allclose(of_queries[0], expected, rtol=1e-4, atol=1e-6)


def test_log_q_makes_the_optimum_that_of_the_full_softmax() -> None:
    """Items are drawn by popularity; without the correction the logits would learn preference over popularity."""
    popularity = np.array([0.6, 0.3, 0.08, 0.02])
    wanted = np.array([0.4, 0.3, 0.2, 0.1])
    learned = {}
    for corrected in (True, False):
        random = np.random.default_rng(5)
        logits = tf.Variable(np.zeros((4, 1), np.float32))
        optimizer, iterates = tf.keras.optimizers.Adam(0.1), []
        for _ in range(160):
            drawn = random.choice(4, 64, p=popularity)
            # Queries that want an item are drawn from what is wanted, negatives from what is popular.
            own = random.choice(4, 64, p=wanted)
            ids = np.concatenate([own, drawn])
            positive = np.arange(128) < 64
            probabilities = popularity[ids] if corrected else np.full(128, 0.25)
            with tf.GradientTape() as tape:
                loss = loss_of(
                    {
                        "queries": np.ones((128, 1), np.float32),
                        "items": tf.gather(logits, ids) * TEMPERATURE,
                        "users": np.arange(128),
                        "item_keys": ids,
                        "sets": np.zeros(128, np.int32),
                        "positive": positive,
                        "negative": ~positive,
                        "probabilities": probabilities.astype(np.float32),
                    }
                ).mean()
            optimizer.apply_gradients([(tape.gradient(loss, logits), logits)])
            iterates.append(logits[:, 0].numpy())
        learned[corrected] = tf.nn.softmax(np.mean(iterates[60:], axis=0)).numpy()
    assert np.abs(learned[True] - wanted).max() < 0.06
    assert np.abs(learned[False] - wanted).max() > 0.2
