"""The benchmark of training runs at small sizes, and hands its peer the batches that our own model sees."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import small_records
import tensorflow as tf
import tensorflow_gnn as tfgnn

from benchmarks import training
from benchmarks.interleaved import interleaved_seconds, median_ratio
from benchmarks.pyg_batches import write_batches
from benchmarks.pyg_peer import PeerUnavailable, PygPeer
from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.labels import split_labels
from tfgrec.data.parsed_records import parse_merged
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.schema import ID, READOUT


def test_contenders_take_turns_and_may_bring_their_own_seconds() -> None:
    turns: list[str] = []

    def contender(name: str, seconds: float | None) -> Callable[[], float | None]:
        def run() -> float | None:
            turns.append(name)
            return seconds

        return run

    rounds = interleaved_seconds({"a": contender("a", 6.0), "b": contender("b", 2.0), "c": contender("c", None)}, 3)
    assert turns == ["a", "b", "c"] * 3
    assert rounds["a"] == [6.0] * 3
    assert all(0 <= seconds < 1 for seconds in rounds["c"])
    assert median_ratio(rounds, "a", "b") == 3.0


def test_the_ratio_is_of_rounds_that_ran_together() -> None:
    assert median_ratio({"a": [2.0, 40.0, 3.0], "b": [1.0, 20.0, 3.0]}, "a", "b") == 2.0


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> tuple[tfgnn.GraphTensor, dict[str, tf.Tensor]]:
    store = small_records.write_store(tmp_path_factory.mktemp("peer") / "graph")
    records, _ = small_records.make_records(store, num_requests=20, seed=1)
    schema = record_schema(small_records.SCHEMA, small_records.SAMPLING)
    return split_labels(parse_merged(graph_tensor_spec(schema), tf.constant(records)), small_records.LABELS)


def test_the_peer_gets_what_our_model_gets(
    batch: tuple[tfgnn.GraphTensor, dict[str, tf.Tensor]], tmp_path: Path
) -> None:
    graph, labels = batch
    write_batches([batch, batch], tmp_path / "batches")
    arrays, again = (np.load(tmp_path / "batches" / f"{number}.npz") for number in (0, 1))
    for key in arrays:
        np.testing.assert_array_equal(arrays[key], again[key])
    np.testing.assert_array_equal(arrays["labels"], np.stack([labels[name] for name in small_records.LABELS], axis=1))
    videos = graph.node_sets["video"]
    np.testing.assert_allclose(arrays["video/numbers"][:, 0], np.log1p(videos["duration"]), rtol=1e-6)
    tags = videos["tags"]
    np.testing.assert_array_equal(arrays["video/tags/rows"], tags.value_rowids())
    assert same_groups(arrays["video/tags/values"], tags.flat_values.numpy())
    assert same_groups(arrays["room/categories"][:, 0], graph.node_sets["room"]["topic"].numpy())
    assert arrays[f"sizes/{READOUT}"] == len({*arrays[f"{READOUT}/categories"].ravel().tolist()})
    adjacency = graph.edge_sets["watched"].adjacency
    np.testing.assert_array_equal(arrays["edges/user/watched/video"], [adjacency.target, adjacency.source])
    users = graph.node_sets["user"][ID].numpy()
    ties = graph.edge_sets[f"{READOUT}/user"].adjacency
    by_candidate = dict(zip(ties.target.numpy().tolist(), users[ties.source.numpy()].tolist(), strict=True))
    assert [by_candidate[number] for number in sorted(by_candidate)] == users[arrays["roots/user"]].tolist()


def test_a_python_without_the_peer_says_so(tmp_path: Path) -> None:
    with pytest.raises(PeerUnavailable, match="No module named 'torch'"):
        PygPeer(Path(sys.executable), tmp_path)


@pytest.mark.slow
def test_all_that_is_promised_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_records.write_small_run(tmp_path / "records")
    monkeypatch.setattr(training, "_BATCHES", 2)
    work = training.Work(tmp_path / "records" / "config.yaml", data=tmp_path, folder=tmp_path, rounds=1)
    results = training.measure(work)
    for ratio in [name for name in results if "_over_" in name]:
        assert results[ratio] > 0, ratio
    parts = {"gradnorm", "gfae", "match", "gfae_second_pass", "pipeline"}
    assert parts == {name.split("_over_")[0] for name in results if "_over_" in name}
    assert results["requests_per_second"] > 0 and results["batch_size"] == 16 and results["requests"] == 120
    # Parts are differences of medians, and add up to the whole.
    assert sum(results["shares_of_a_step"].values()) == pytest.approx(1, abs=0.01)


def same_groups(codes: np.ndarray, values: np.ndarray) -> bool:
    """Whether equal codes are equal values, and other codes others."""
    return len(set(zip(codes.tolist(), values.tolist(), strict=True))) == len(set(codes.tolist())) == len(set(values))
