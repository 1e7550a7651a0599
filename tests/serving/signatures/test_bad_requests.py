"""Whatever a request holds: it is scored by the documented fall-back or refused by name, and others as without it.

`TFGREC_BAD_REQUESTS=100000 pytest tests/serving/signatures/test_bad_requests.py` tries as many.
"""

import os

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfgrec.serving.signatures.request_columns import request_columns

pytestmark = pytest.mark.slow

CASES = int(os.environ.get("TFGREC_BAD_REQUESTS", "150"))
MANY = settings(
    max_examples=CASES,
    deadline=None,
    # Requests are large, and changing one takes many draws.
    suppress_health_check=list(HealthCheck),
)
INTEGERS = st.one_of(st.integers(-2, 40), st.sampled_from([-(1 << 63), (1 << 63) - 1, 1 << 31, 1 << 32, -(1 << 31)]))
FLOATS = st.one_of(
    st.sampled_from([float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 3.4e38, -3.4e38, 1e-45]),
    st.floats(width=32, allow_nan=False),
)
TEXTS = st.one_of(st.binary(max_size=20), st.sampled_from([b"", b"\x00", b"\xff\xfe", b"feed", b"x" * 100_000]))
KINDS = {"int64_list": INTEGERS, "float_list": FLOATS, "bytes_list": TEXTS}


@pytest.fixture(scope="module")
def ask(served, signatures):
    """Asks `rank` for two good requests with the wrong one between them; returns how the wrong one was answered."""
    rank, good = signatures["rank"], served.records[:2]
    alone = {name: of.numpy() for name, of in rank(examples=tf.constant(good)).items()}
    lengths = alone["candidates_per_request"].tolist()

    def check(wrong: bytes, changed: list[str]) -> str:
        try:
            answer = rank(examples=tf.constant([good[0], wrong, good[1]]))
        except tf.errors.InvalidArgumentError as error:
            told = error.message
            # Of bytes that are no message nothing more can be said.
            assert any(name in told for name in changed) or (not changed and "parse" in told), told[:2000]
            return "refused"
        counts = answer["candidates_per_request"].numpy().tolist()
        assert [counts[0], counts[2]] == lengths
        for name in ("click", "watch_time", "combined"):
            first, between, last = np.split(answer[name].numpy(), np.cumsum(counts)[:-1])
            np.testing.assert_allclose(np.concatenate([first, last]), alone[name], rtol=1e-4, atol=1e-5)
            assert np.isfinite(between).all(), name
        return "scored"

    return check


def known_names(served) -> list[str]:
    return sorted(request_columns(served.run_model.serving_schema))


def apply(example: tf.train.Example, feature: str, data: st.DataObject) -> None:
    features = example.features.feature
    kind = data.draw(st.sampled_from(["drop", "value", "value", "value", "add", "take", "retype", "all"]))
    of = features[feature].WhichOneof("kind") or "int64_list"
    values = list(getattr(features[feature], of).value)
    if kind == "drop":
        del features[feature]
        return
    if kind == "retype":
        of = data.draw(st.sampled_from([name for name in KINDS if name != of]))
        values = data.draw(st.lists(KINDS[of], min_size=len(values), max_size=len(values)))
    elif kind == "value" and values:
        values[data.draw(st.integers(0, len(values) - 1))] = data.draw(KINDS[of])
    elif kind == "all":
        values = data.draw(st.lists(KINDS[of], min_size=len(values), max_size=len(values)))
    elif kind == "take" and values:
        del values[data.draw(st.integers(0, len(values) - 1))]
    else:
        values = [*values, *data.draw(st.lists(KINDS[of], min_size=1, max_size=3))]
    features[feature].Clear()
    getattr(features[feature], of).value.extend(values)


@MANY
@given(data=st.data())
def test_changed_features(served, ask, data) -> None:
    example = tf.train.Example.FromString(data.draw(st.sampled_from(served.records[2:12]), label="record"))
    names = data.draw(st.lists(st.sampled_from(known_names(served)), min_size=1, max_size=3, unique=True))
    for name in names:
        apply(example, name, data)
    # An end that is beyond its set is told of the edges, however it came about.
    sets = [name.rpartition(".")[0] or name for name in names]
    ends = [f"edges/{name}" for name in served.run_model.serving_schema.edge_sets]
    ask(
        example.SerializeToString(),
        [*names, *sets, *(ends if any(name.startswith("nodes/") for name in names) else [])],
    )


@settings(MANY, max_examples=max(CASES // 5, 30))
@given(data=st.data())
def test_changed_bytes(served, ask, data) -> None:
    """Cut off, made up, or changed in some places: whatever still is a message says what it lacks."""
    record = data.draw(st.sampled_from(served.records[2:12]))
    kind = data.draw(st.sampled_from(["cut", "random", "flip"]))
    if kind == "cut":
        wrong = record[: data.draw(st.integers(0, len(record) - 1))]
    elif kind == "random":
        wrong = data.draw(st.binary(max_size=200))
    else:
        changed = bytearray(record)
        for place in data.draw(st.lists(st.integers(0, len(record) - 1), min_size=1, max_size=4)):
            changed[place] = data.draw(st.integers(0, 255))
        wrong = bytes(changed)
    # TensorFlow's parser does not always say which feature it can't read.
    told = ["nodes/", "edges/", "context/", "parse", "ParseExample"]
    ask(wrong, told)


@MANY
@given(data=st.data())
def test_changed_tensors(signatures, dense, data) -> None:
    """The same of `rank_dense`: what is refused names the column, what is scored has finite scores."""
    inputs = dict(dense)
    name = data.draw(st.sampled_from(sorted(inputs)))
    values = inputs[name].copy()
    strategy = {"i": INTEGERS, "f": FLOATS, "O": TEXTS}[values.dtype.kind]
    kind = data.draw(st.sampled_from(["value", "value", "shorter", "longer", "empty"]))
    if kind == "value" and len(values):
        values[data.draw(st.integers(0, len(values) - 1))] = data.draw(strategy)
    elif kind == "shorter":
        values = values[: data.draw(st.integers(0, max(len(values) - 1, 0)))]
    elif kind == "empty":
        values = values[:0]
    else:
        more = data.draw(st.lists(strategy, min_size=1, max_size=3))
        values = np.concatenate([values, np.array(more, values.dtype)])
    inputs[name] = values
    given_ = {key: tf.constant(of.tolist(), tf.string) if of.dtype == object else of for key, of in inputs.items()}
    try:
        answer = signatures["rank_dense"](**{key: tf.convert_to_tensor(of) for key, of in given_.items()})
    except tf.errors.InvalidArgumentError as error:
        kind_of_set = name.split("_")[0]
        assert kind_of_set in error.message and "/" in error.message, error.message[:2000]
        return
    assert all(np.isfinite(of).all() for of in answer.values())


def test_large_requests(served, ask) -> None:
    """5,000 candidates; a text of 10 MB; no candidate at all."""
    example = tf.train.Example.FromString(served.records[2])
    features = example.features.feature
    features["nodes/_readout.scenario"].bytes_list.value[0] = b"x" * 10_000_000
    features["nodes/user.age_group"].bytes_list.value[0] = b"y" * 10_000_000
    assert ask(example.SerializeToString(), []) == "scored"
    assert ask(with_candidates(served.records[2], 5_000), []) == "scored"
    assert ask(with_candidates(served.records[2], 0), []) == "scored"


def test_no_request_at_all(signatures) -> None:
    answer = signatures["rank"](examples=tf.constant([], tf.string))
    assert all(len(values) == 0 for values in answer.values())


def with_candidates(record: bytes, count: int) -> bytes:
    """The request with its first candidate so many times."""
    example = tf.train.Example.FromString(record)
    features = example.features.feature
    for name, feature in features.items():
        values = getattr(feature, feature.WhichOneof("kind")).value
        of_candidates = name.startswith("nodes/_readout.") or name.startswith("edges/_readout/")
        if not of_candidates:
            continue
        if name.endswith(".#size"):
            values[:] = [count if values[0] else 0]
        elif name.endswith(".#target"):
            values[:] = range(count if values else 0)
        elif values:
            values[:] = [values[0]] * count
    return example.SerializeToString()
