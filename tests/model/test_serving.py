"""The model as a SavedModel over serialized tf.Examples, loaded by a process that knows nothing of TF-GNN."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

LOAD = """
import json, os, sys
os.environ.pop("TF_USE_LEGACY_KERAS", None)
import tensorflow as tf
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
examples = [bytes.fromhex(line) for line in open(sys.argv[2])]
results = {name: values.numpy().tolist() for name, values in serve(examples=tf.constant(examples)).items()}
libraries = ("tensorflow_gnn", "tensorflow_recommenders", "tfgrec")
unwanted = [name for name in sys.modules if name.split(".")[0] in libraries]
print(json.dumps({"results": results, "unwanted": unwanted}))
"""


def serving_module(model, spec: tfgnn.GraphTensorSpec) -> tf.Module:
    """Holds variables, lookup tables and one function, and no Keras object."""
    module = tf.Module()
    module.model_variables = model.variables
    children = tf.train.TrackableView(model).descendants()
    module.tables = [child for child in children if isinstance(child, tf.lookup.StaticHashTable)]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return model.predictions(tfgnn.parse_example(spec, examples).merge_batch_to_components())

    module.serve = serve
    return module


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["joint", "no_graph"])
def test_a_fresh_process_with_tensorflow_alone_predicts_the_same(build, graph, tmp_path, arm) -> None:
    model = build(arm)
    graphs = [graph(1, seed=seed) for seed in range(3)]
    spec = graphs[0].spec.relax(num_nodes=True, num_edges=True)
    expected = [model.predictions(one)["click"].numpy() for one in graphs]
    module = serving_module(model, spec)
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_default": module.serve})
    lines = [tfgnn.write_example(one).SerializeToString().hex() for one in graphs]
    (tmp_path / "examples").write_text("\n".join(lines), encoding="utf-8")
    arguments = [sys.executable, "-c", LOAD, str(tmp_path / "model"), str(tmp_path / "examples")]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["unwanted"] == []
    np.testing.assert_allclose(answer["results"]["click"], np.concatenate(expected), rtol=1e-4)
