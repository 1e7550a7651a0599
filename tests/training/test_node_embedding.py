"""The pass between pre-training and ranking: its vectors against direct encoding, time, kills, and the whole arm."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import small_records
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.tables import Requests
from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.parsed_records import parse_merged, read_records
from tfgrec.errors import ConfigurationError
from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.run.run_directory import RunDirectory
from tfgrec.serving.exported.export import load_scoring_function
from tfgrec.serving.signatures.scoring import make_scoring_function
from tfgrec.training import node_embedding
from tfgrec.training.history import read_history
from tfgrec.training.node_embedding import NodeEmbedding
from tfgrec.training.requested_nodes import requested_nodes
from tfgrec.training.run_model import RunModel
from tfgrec.training.step_log import StepLog
from tfgrec.training.trainer import train

INTERVAL = 360
REFRESHES = (360, 720, 1080, 1440)
TWO_STAGE = ("arm=two_stage", f"pretraining.refresh_hours={INTERVAL / 3_600_000}")
# Without dropout and hidden nodes nothing is random but the order of the data.
STILL = ("model.encoder.dropout=0", "model.towers.dropout=0", "training.diagnostics_every_steps=100")
STEPS_PER_EPOCH = 8


@pytest.fixture
def two_stage(run: RunDirectory) -> RunModel:
    """A model that was not pre-trained: where the encoder's weights come from makes no difference to this."""
    return run_model(run)


def run_model(run: RunDirectory, *overrides: str) -> RunModel:
    return RunModel(run.read_config([*TWO_STAGE, *STILL, *overrides]), run)


def tables(model: RunModel) -> dict[str, np.ndarray]:
    """By node set, the static vectors."""
    layer = model.model.static_vectors
    return {name: layer._tables[name].numpy() for name in layer.rows}


def break_off_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    add = StepLog.add

    def add_or_stop(self, *arguments, **keywords):
        add(self, *arguments, **keywords)
        if self._position.step == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(StepLog, "add", add_or_stop)


def break_off_after_files(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = node_embedding._write, []

    def write_or_stop(path, columns):
        if len(written) == count:
            raise KeyboardInterrupt
        written.append(path)
        write(path, columns)

    monkeypatch.setattr(node_embedding, "_write", write_or_stop)


def test_what_requests_read_is_what_their_records_say(two_stage: RunModel) -> None:
    expected: dict[str, set] = {"user": set(), "video": set(), "room": set()}
    spec = graph_tensor_spec(two_stage.examples.schema)
    for split in two_stage.examples.splits.values():
        graph = parse_merged(spec, tf.constant(list(read_records(list(split.files)).as_numpy_iterator())))
        sizes, times = graph.node_sets["_readout"].sizes.numpy(), graph.context["time"].numpy().reshape(-1)
        refreshes = np.repeat(times - times % INTERVAL, sizes)
        for name, node_set in (("user", "user"), ("item/video", "video"), ("item/room", "room")):
            adjacency = graph.edge_sets[f"_readout/{name}"].adjacency
            ids = graph.node_sets[node_set]["#id"].numpy()[adjacency[tfgnn.SOURCE].numpy()].tolist()
            ids = [one.decode() if isinstance(one, bytes) else one for one in ids]
            expected[node_set] |= set(zip(ids, refreshes[adjacency[tfgnn.TARGET].numpy()].tolist(), strict=True))
        for edge_set, node_set in (("watched", "video"), ("visited", "room")):
            events = graph.node_sets[f"history/{edge_set}"]
            ids = [one.decode() if isinstance(one, bytes) else one for one in events["#id"].numpy().tolist()]
            of_events = np.repeat(times - times % INTERVAL, events.sizes.numpy())
            expected[node_set] |= set(zip(ids, of_events.tolist(), strict=True))
    found = requested_nodes(two_stage.examples, interval=INTERVAL)
    for node_set, rows in found.items():
        pairs = list(zip(rows.ids.tolist(), rows.refreshes.tolist(), strict=True))
        assert pairs == sorted(expected[node_set])
        kept = RunModel(two_stage.config, two_stage.run).static_rows[node_set]
        assert (kept.ids.tolist(), kept.refreshes.tolist()) == (rows.ids.tolist(), rows.refreshes.tolist())
    assert {*found["user"].refreshes.tolist()} == {*REFRESHES}


@pytest.mark.slow
def test_vectors_are_those_of_the_solo_subgraphs_at_the_refresh_times(two_stage: RunModel) -> None:
    NodeEmbedding(two_stage).fill()
    store = GraphStore.open(two_stage.run.graph)
    requests = Requests.model_validate(small_records.TABLES["requests"])
    examples = SoloExamples(store=store, sampling=small_records.SAMPLING, requests=requests)
    spec, random = graph_tensor_spec(two_stage.serving_schema), np.random.default_rng(2)
    for node_set, rows in two_stage.static_rows.items():
        for row in random.choice(len(rows.ids), 3, replace=False):
            node, time = store.lookup(node_set, rows.ids[row : row + 1]), rows.refreshes[row : row + 1]
            if node_set == "user":
                features = {name: pa.array(values) for name, values in (("scenario", ["feed"]), ("hour", [3]))}
                example = examples.users(node, time, "video", features)
            else:
                example = examples.items(node_set, node, time)
            encoded = two_stage.model.encode_roots(parse_merged(spec, tf.constant(example)))
            expected = encoded["graph_user" if node_set == "user" else "graph_item"].numpy()[0]
            expected /= np.linalg.norm(expected)
            np.testing.assert_allclose(tables(two_stage)[node_set][row], expected, rtol=1e-4, atol=1e-5)
            # As ranking reads it, until the next refresh that the node has.
            ids = tf.constant(rows.ids[row : row + 1])
            found = two_stage.model.static_vectors.item_vectors(ids, node_set, tf.constant(time + INTERVAL - 1))
            np.testing.assert_array_equal(found.numpy()[0], tables(two_stage)[node_set][row])
    unknown = two_stage.model.static_vectors.item_vectors(
        tf.constant([7], tf.int64), "user", tf.constant([1500], tf.int64)
    )
    assert not unknown.numpy().any()


@pytest.mark.slow
def test_no_vector_sees_edges_from_after_its_refresh(two_stage: RunModel, tmp_path: Path) -> None:
    NodeEmbedding(two_stage).fill()
    before = tables(two_stage)
    shutil.rmtree(two_stage.run.graph)
    small_records.write_store(two_stage.run.graph, later=300, since=720)
    shutil.rmtree(two_stage.run.embeddings)
    NodeEmbedding(two_stage).fill()
    after = tables(two_stage)
    for node_set, rows in two_stage.static_rows.items():
        early = rows.refreshes <= 720
        np.testing.assert_allclose(after[node_set][early], before[node_set][early], rtol=1e-5, atol=1e-6)
        assert early.any() and np.abs(after[node_set] - before[node_set])[~early].max() > 1e-3


@pytest.mark.slow
def test_a_pass_that_was_killed_goes_on_and_one_that_is_done_is_skipped(
    two_stage: RunModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        break_off_after_files(5, patch)
        NodeEmbedding(two_stage).fill()
    folder = NodeEmbedding(two_stage).folder
    first = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(first) == 5 and not (folder / "manifest.json").exists()
    NodeEmbedding(two_stage).fill()
    written = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert first.items() <= written.items()
    costs = NodeEmbedding(two_stage).costs()
    assert costs["nodes_embedded"] == sum(len(rows.ids) for rows in two_stage.static_rows.values())
    assert costs["refreshes"] == len(REFRESHES)
    assert costs["embedding_seconds"] > 0 and 0 < costs["full_refresh_seconds"] < costs["embedding_seconds"]

    vectors, said = tables(two_stage), []
    for name, of_set in vectors.items():
        two_stage.model.static_vectors.assign(name, np.zeros_like(of_set))
    NodeEmbedding(two_stage, announce=said.append).fill()
    assert len(said) == 1 and said[0].startswith("embedding: skipped")
    for name, of_set in tables(two_stage).items():
        np.testing.assert_array_equal(of_set, vectors[name])
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == written

    two_stage.model.encoder_variables[0].assign_add(two_stage.model.encoder_variables[0] + 1)
    assert NodeEmbedding(two_stage).folder != folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no graph", "arm two_stage embeds nodes from the graph, and there is no graph store in .*graph: train with"),
        ("training.distribution=multi_worker", "training.distribution: multi_worker is not for arm two_stage"),
    ],
)
def test_what_can_t_be_embedded_is_refused(run: RunDirectory, change: str, message: str) -> None:
    if change == "no graph":
        shutil.rmtree(run.graph)
    model = run_model(run, *([] if change == "no graph" else [change]))
    with pytest.raises(ConfigurationError, match=message):
        NodeEmbedding(model)


@pytest.mark.slow
@pytest.mark.parametrize("vectors", ["frozen", "fine_tuned"])
def test_an_arm_that_was_killed_anywhere_goes_on_exactly_and_is_served_alike(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vectors: str
) -> None:
    overrides = [f"pretraining.vectors={vectors}", "pretraining.objective=link_prediction"]
    other = RunDirectory.at(shutil.copytree(run.root, tmp_path / "other"))
    whole = run_model(run, *overrides)
    summary = train(whole)
    assert summary["steps"] == 3 * STEPS_PER_EPOCH and summary["refreshes"] == len(REFRESHES)
    assert 0 < summary["pretraining_seconds"] < summary["seconds"]

    # Pre-training alone draws what to hold out: it goes through in the first process.
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        break_off_after_files(4, patch)
        train(run_model(other, *overrides))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        break_off_at(STEPS_PER_EPOCH + 7, patch)
        second = run_model(other, *overrides)
        assert second.checkpoints.read_position().phase == 1
        train(second)
    resumed = run_model(other, *overrides)
    assert resumed.checkpoints.read_position().step == STEPS_PER_EPOCH + 4
    assert train(resumed)["steps"] == summary["steps"]
    for ours, theirs in zip(resumed.model.variables, whole.model.variables, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-3, atol=1e-5, err_msg=theirs.name)
    assert {line["phase"] for line in read_history(other.history)} == {"pretraining", "ranking"}
    assert not any(name.startswith("coupling/") for line in read_history(run.history) for name in line)

    embedded = np.load(next(NodeEmbedding(whole).folder.glob("user-720.npz")))["vectors"]
    rows = tables(whole)["user"][whole.static_rows["user"].refreshes == 720]
    np.testing.assert_array_equal(rows, embedded)
    moved = [np.abs(table.numpy()).max() > 0 for table in whole.model.static_vectors.id_tables]
    assert moved == ([] if vectors == "frozen" else [True] * 3)

    exported = load_scoring_function(whole.export())
    records = tf.constant(whole.sample("validation"))
    expected = make_scoring_function(whole.trained, whole.serving_schema)(records)
    answer = exported(records)
    for name, scores in expected.items():
        np.testing.assert_allclose(answer[name], scores, rtol=1e-5, atol=1e-5)
    saved = tf.train.list_variables(str(whole.run.newest_export / "variables" / "variables"))
    served = sum(int(np.prod(shape)) for _, shape in saved if shape)
    parts = (
        whole.trained.ranker_fields,
        whole.trained.field_fusion,
        whole.trained.towers,
        whole.trained.static_vectors,
    )
    assert served <= sum(variable.shape.num_elements() for part in parts for variable in part.variables)
