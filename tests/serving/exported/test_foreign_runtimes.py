"""An export answers the same in processes that know TensorFlow alone, in Python, in C and in Java."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

pytestmark = pytest.mark.slow

RUNTIMES = Path(__file__).parent / "runtimes"
TENSORFLOW = Path(tf.__file__).parent
TIMEOUT_SECONDS = 900

TENSORFLOW_ALONE = """
import importlib.abc, json, os, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tfgrec", "tensorflow_gnn", "tf_keras", "tensorflow_recommenders"):
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Refuse())
import numpy as np
import tensorflow as tf

model, questions = sys.argv[1:]
loaded = tf.saved_model.load(model)
for signature in sorted(os.listdir(questions)):
    with np.load(f"{questions}/{signature}/all.npz", allow_pickle=True) as inputs:
        given = {name: tf.constant(values.tolist() if values.dtype == object else values) for name, values in
                 inputs.items()}
    for name, values in loaded.signatures[signature](**given).items():
        print(signature, name, *(repr(value) for value in values.numpy().ravel().tolist()))
"""


@pytest.fixture(scope="module")
def asked(served, questions, tmp_path_factory) -> Path:
    """A folder a signature with its inputs, as score.c describes it."""
    saved = saved_model_pb2.SavedModel.FromString((served.path / "saved_model.pb").read_bytes())
    definitions = saved.meta_graphs[0].signature_def
    root = tmp_path_factory.mktemp("questions")
    for signature, inputs in questions.items():
        folder = root / signature
        folder.mkdir()
        described = [write_input(folder, name, values) for name, values in inputs.items()]
        tensors = {name: tensor.name.split(":") for name, tensor in definitions[signature].inputs.items()}
        lines = [f"{name} {' '.join(tensors[name])} {rest}\n" for name, rest in described]
        (folder / "inputs.txt").write_text("".join(lines))
        outputs = {name: tensor.name.split(":") for name, tensor in definitions[signature].outputs.items()}
        (folder / "outputs.txt").write_text("".join(f"{name} {' '.join(of)}\n" for name, of in outputs.items()))
        np.savez(folder / "all.npz", **inputs)
    return root


def write_input(folder: Path, name: str, values: np.ndarray) -> tuple[str, str]:
    """Writes the values of an input; returns its name, and its dtype and shape for the listing."""
    if values.dtype == object:
        content = b"".join(len(value).to_bytes(8, "little") + value for value in values)
    else:
        content = values.tobytes()
    (folder / f"{name}.bin").write_bytes(content)
    dtype = "string" if values.dtype == object else values.dtype.name
    return name, f"{dtype} {len(values)} {values.shape[1] if values.ndim > 1 else 0}"


@pytest.fixture(scope="module")
def expected(signatures, questions) -> dict[tuple[str, str], np.ndarray]:
    """What each signature answers here, by signature and output."""
    answers = {}
    for signature, inputs in questions.items():
        given = {name: tf.constant(of.tolist() if of.dtype == object else of) for name, of in inputs.items()}
        answers |= {(signature, name): of.numpy() for name, of in signatures[signature](**given).items()}
    return answers


def run(command: list[str], **environment: str) -> str:
    plain = {name: value for name, value in os.environ.items() if name not in ("TF_USE_LEGACY_KERAS", "PYTHONPATH")}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, env={**plain, **environment}, cwd="/"
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def assert_answers(printed: str, expected: dict[tuple[str, str], np.ndarray]) -> None:
    """Lines "signature output value value ..." are what was expected."""
    found = {}
    for line in printed.splitlines():
        signature, name, *values = line.split(" ")
        found[signature, name] = np.array(values, float)
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values.ravel(), rtol=1e-5, atol=1e-5, err_msg=str(key))


def test_tensorflow_alone(served, asked, expected) -> None:
    command = [sys.executable, "-c", TENSORFLOW_ALONE, str(served.path), str(asked)]
    assert_answers(run(command, TF_CPP_MIN_LOG_LEVEL="3"), expected)


@pytest.mark.parametrize("signature", ["rank", "rank_dense"])
def test_saved_model_cli(served, questions, expected, tmp_path, signature) -> None:
    for name, values in questions[signature].items():
        np.save(tmp_path / f"{name}.npy", values)
    command = [str(Path(sys.executable).with_name("saved_model_cli")), "run", "--dir", str(served.path)]
    command += ["--tag_set", "serve", "--signature_def", signature, "--outdir", str(tmp_path / "out")]
    command += ["--inputs", ";".join(f"{name}={tmp_path / name}.npy" for name in questions[signature])]
    run(command, TF_CPP_MIN_LOG_LEVEL="3")
    for (of_signature, name), values in expected.items():
        if of_signature == signature:
            np.testing.assert_allclose(np.load(tmp_path / "out" / f"{name}.npy"), values, rtol=1e-5, atol=1e-5)


def test_c_api(served, asked, expected, tmp_path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler: cc, gcc or clang")
    program = str(tmp_path / "score")
    libraries = [f"-l:{name}" for name in ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")]
    places = [f"-I{TENSORFLOW / 'include'}", f"-L{TENSORFLOW}", f"-Wl,-rpath,{TENSORFLOW}"]
    run([compiler, "-O1", "-o", program, str(RUNTIMES / "score.c"), *places, *libraries])
    folders = [str(folder) for folder in sorted(asked.iterdir())]
    assert_answers(run([program, str(served.path), *folders], TF_CPP_MIN_LOG_LEVEL="3"), expected)


def test_java(served, asked, expected, tmp_path) -> None:
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"there is no {' and no '.join(missing)}")
    classpath = tmp_path / "classpath.txt"
    resolve = ["mvn", "-B", "-q", "-f", str(RUNTIMES / "pom.xml"), "dependency:build-classpath"]
    done = subprocess.run([*resolve, f"-Dmdep.outputFile={classpath}"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"Maven can't get TensorFlow for Java: {done.stdout[-500:]}")
    folders = [str(folder) for folder in sorted(asked.iterdir())]
    command = ["java", "-cp", classpath.read_text().strip(), str(RUNTIMES / "Score.java"), str(served.path), *folders]
    assert_answers(run(command, TF_CPP_MIN_LOG_LEVEL="3"), expected)
