"""An exported index finds what every item compared one by one would find, in a process that knows TensorFlow alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from tfgrec.errors import ConfigurationError
from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.retrieval import index as index_module
from tfgrec.retrieval.index import export_index, load_index
from tfgrec.retrieval.item_vectors import ItemVectors, encode_items
from tfgrec.retrieval.run_retrieval import RunRetrieval
from tfgrec.retrieval.solo_vectors import make_vector_function
from tfgrec.training.run_model import RunModel

pytestmark = pytest.mark.slow
TIME = 1200
SERVE = """
import json, sys
import tensorflow as tf
records, ks, *paths = sys.argv[1:]
examples = tf.constant(list(tf.data.TFRecordDataset(records).as_numpy_iterator()))

def search(path):
    loaded = tf.saved_model.load(path)
    found = [loaded.signatures["serving_default"](examples=examples, k=tf.constant(k)) for k in json.loads(ks)]
    ids = [f["ids"].numpy().tolist() for f in found]
    texts = [[[i.decode() if isinstance(i, bytes) else i for i in row] for row in of_k] for of_k in ids]
    return {"ids": texts, "scores": [f["scores"].numpy().tolist() for f in found]}

indexes = [search(path) for path in paths]
libraries = ("tfgrec", "tensorflow_gnn", "tf_keras", "tensorflow_recommenders")
print(json.dumps({"indexes": indexes, "strangers": [name for name in libraries if name in sys.modules]}))
"""


@pytest.fixture(scope="module")
def queries(examples: SoloExamples) -> list[bytes]:
    features = {"scenario": pa.array(["feed", "search"] * 4), "hour": pa.array(np.arange(8))}
    return examples.users(np.arange(8), np.full(8, TIME), "video", features)


@pytest.fixture(scope="module")
def vectors(run_model: RunModel, queries: list[bytes]) -> np.ndarray:
    return make_vector_function(run_model.model, run_model.serving_schema, "user")(tf.constant(queries)).numpy()


def test_tensorflow_alone_finds_the_best_of_all_items(
    run_model: RunModel, store: GraphStore, examples: SoloExamples, queries: list[bytes], vectors: np.ndarray, tmp_path
) -> None:
    paths = RunRetrieval(run_model).export_indexes(time=TIME, search="brute_force")
    assert [path.parts[-3:] for path in paths] == [("index", "room", "1"), ("index", "video", "1")]
    with tf.io.TFRecordWriter(str(tmp_path / "queries")) as writer:
        for query in queries:
            writer.write(query)
    answer = serve(paths, tmp_path / "queries", [1, 4, 1000])
    assert answer["strangers"] == []
    encode_item = make_vector_function(run_model.model, run_model.serving_schema, "item")
    for path, served, (node_set, kind) in zip(
        paths, answer["indexes"], {"room": str, "video": int}.items(), strict=True
    ):
        described = json.loads((path / "assets.extra" / "tfgrec.json").read_text())
        items = encode_items(encode_item, store=store, examples=examples, node_set=node_set, time=TIME, batch_size=7)
        assert (described["item_node_set"], described["time"]) == (node_set, TIME)
        assert described["items"] == len(items.ids)
        expected = vectors @ items.vectors.T
        for k, ids, scores in zip((1, 4, len(items.ids)), served["ids"], served["scores"], strict=True):
            assert np.shape(ids) == (8, k) and {type(item) for row in ids for item in row} == {kind}
            np.testing.assert_allclose(scores, -np.sort(-expected, axis=1)[:, :k], atol=1e-5)
            places = {item: place for place, item in enumerate(items.ids.tolist())}
            columns = np.array([[places[item] for item in row] for row in ids])
            np.testing.assert_allclose(np.take_along_axis(expected, columns, axis=1), scores, atol=1e-5)


def serve(paths: list[Path], records: Path, ks: list[int]) -> dict:
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    command = [sys.executable, "-c", SERVE, str(records), json.dumps(ks), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=records.parent, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_scann_finds_nearly_the_best(run_model: RunModel, queries: list[bytes], vectors: np.ndarray, tmp_path) -> None:
    pytest.importorskip("scann")
    random = np.random.default_rng(0)
    # Items lie in clusters, as trained ones do: there is no near neighbour to be found fast among evenly spread ones.
    centres = random.normal(size=(60, vectors.shape[1]))
    many = (centres[np.arange(4000) % 60] + 0.2 * random.normal(size=(4000, vectors.shape[1]))).astype(np.float32)
    many /= np.linalg.norm(many, axis=1, keepdims=True)
    items = ItemVectors("video", TIME, 10 * np.arange(4000), many)
    options = {"schema": run_model.serving_schema, "folder": tmp_path / "index", "sample": queries, "extra": {}}
    path = export_index(run_model.model, items, search="scann", **options)
    found = load_index(path)(tf.constant(queries), 10)["ids"].numpy()
    best = 10 * np.argsort(-(vectors @ many.T), axis=1)[:, :10]
    assert np.mean([len(set(ours) & set(theirs)) for ours, theirs in zip(found, best, strict=True)]) > 6


def test_without_scann_it_says_how_to_get_it(
    run_model: RunModel, queries: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module.tfrs.layers.factorized_top_k, "_HAVE_SCANN", False)
    items = ItemVectors("video", TIME, np.arange(9), np.eye(9, 8, dtype=np.float32))
    options = {"schema": run_model.serving_schema, "folder": tmp_path, "sample": queries, "extra": {}}
    with pytest.raises(ConfigurationError, match=r"pip install 'tfgrec\[scann\]'"):
        export_index(run_model.model, items, search="scann", **options)
    assert list(tmp_path.iterdir()) == []
