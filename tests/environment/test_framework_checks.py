"""The doctor's look at the frameworks, most of it with stand-ins for them that can be broken."""

import os
import time
from pathlib import Path

import pytest

import tfgrec
from tfgrec.environment.framework_checks import check_frameworks, check_plain_keras

KERAS_2 = """
import types
__version__ = "2.99"
class Layer: __module__ = "tf_keras.src.engine.base_layer"
keras = types.SimpleNamespace(layers=types.SimpleNamespace(Layer=Layer))
config = types.SimpleNamespace(list_physical_devices=lambda kind: [])
"""
KERAS_3 = KERAS_2.replace("tf_keras.src.engine", "keras.src.layers")
ONE_GPU = KERAS_2.replace("kind: []", "kind: [types.SimpleNamespace(name='/physical_device:GPU:0')]")


@pytest.fixture
def frameworks(tmp_path):
    """Writes stand-ins for the frameworks and returns the environment in which Python finds them first."""

    def write(**sources: str) -> dict[str, str]:
        modules = ["tensorflow", "tensorflow_gnn", "tensorflow_recommenders", "apache_beam", "tfx_bsl.coders"]
        for module in modules:
            folder = tmp_path.joinpath(*module.split("."))
            folder.mkdir(parents=True)
            (folder / "__init__.py").write_text(sources.get(module, KERAS_2 if module == "tensorflow" else ""))
        (tmp_path / "tfx_bsl" / "__init__.py").touch()
        (tmp_path / "tfx_bsl" / "coders" / "example_coder.py").touch()
        path = f"{tmp_path}{os.pathsep}{Path(tfgrec.__file__).parents[1]}"
        return {**os.environ, "PYTHONPATH": path}

    return write


def statuses(findings):
    return {finding.name: finding.status for finding in findings}


def test_all_is_well(frameworks):
    findings = check_frameworks(frameworks(), hardware=[])
    assert statuses(findings) == dict.fromkeys(
        ["TensorFlow", "Keras in tfgrec", "GPU", "TF-GNN", "TFRS", "Beam", "tfx_bsl"], "ok"
    )
    assert findings[0].found == "imports (2.99)"


def test_one_that_fails_does_not_hide_the_others(frameworks):
    findings = check_frameworks(frameworks(tensorflow_gnn="import protobuf_of_another_version"), hardware=[])
    broken = next(finding for finding in findings if finding.name == "TF-GNN")
    assert "No module named 'protobuf_of_another_version'" in broken.found
    assert [name for name, status in statuses(findings).items() if status == "mend"] == ["TF-GNN"]
    assert statuses(findings)["tfx_bsl"] == "ok"


def test_a_crash_is_placed_and_named(frameworks):
    findings = check_frameworks(frameworks(apache_beam="import os; os.abort()"), hardware=[])
    assert findings[-1].name == "Beam"
    assert findings[-1].status == "mend"
    assert "SIGABRT" in findings[-1].found


def test_a_processor_without_avx(frameworks):
    illegal = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
    (finding,) = check_frameworks(frameworks(tensorflow=illegal), hardware=[])
    assert "AVX" in finding.found


def test_a_framework_that_prints_does_not_disturb(frameworks):
    findings = check_frameworks(frameworks(apache_beam="print('welcome'); print('{not json')"), hardware=[])
    assert statuses(findings)["Beam"] == "ok"


@pytest.mark.slow
def test_one_that_hangs(frameworks):
    environment = frameworks(tensorflow_recommenders="import time; time.sleep(60)")
    started = time.monotonic()
    findings = check_frameworks(environment, hardware=[], seconds=5)
    assert time.monotonic() - started < 30
    assert (findings[-1].name, findings[-1].status) == ("TFRS", "mend")
    assert "did not end within 5 s" in findings[-1].found


def test_keras_3(frameworks):
    findings = check_frameworks(frameworks(tensorflow=KERAS_3), hardware=[])
    keras = next(finding for finding in findings if finding.name == "Keras in tfgrec")
    assert (keras.status, keras.found) == ("mend", "Keras 3 (keras)")
    assert "TF_USE_LEGACY_KERAS=1" in keras.advice


def test_keras_3_active_before_tfgrec_is_imported(frameworks, tmp_path):
    """Such as an IDE's or a cluster's sitecustomize: then tfgrec refuses to be imported at all."""
    environment = frameworks(tensorflow=KERAS_3)
    (tmp_path / "sitecustomize.py").write_text("import tensorflow\n")
    environment.pop("TF_USE_LEGACY_KERAS", None)
    (finding,) = check_frameworks(environment, hardware=[])
    assert finding.status == "mend"
    assert "TensorFlow was imported before tfgrec with Keras 3" in finding.found


def test_gpu_seen_by_tensorflow(frameworks):
    environment = frameworks(tensorflow=ONE_GPU)
    (seen,) = (finding for finding in check_frameworks(environment, ["NVIDIA H100"]) if finding.name == "GPU")
    assert (seen.status, seen.found) == ("ok", "/physical_device:GPU:0 (NVIDIA H100)")


def test_gpu_unseen_by_tensorflow(frameworks):
    (unseen,) = (finding for finding in check_frameworks(frameworks(), ["NVIDIA H100"]) if finding.name == "GPU")
    assert unseen.status == "note"
    assert "tensorflow[and-cuda]==" in unseen.advice


@pytest.mark.parametrize(
    ("environment", "found", "status"),
    [
        ({}, "Keras 3", "note"),
        ({"TF_USE_LEGACY_KERAS": "0"}, "Keras 3, since TF_USE_LEGACY_KERAS=0", "note"),
        ({"TF_USE_LEGACY_KERAS": "1"}, "Keras 2, since TF_USE_LEGACY_KERAS=1", "ok"),
    ],
)
def test_keras_outside_tfgrec(environment, found, status):
    finding = check_plain_keras(environment)
    assert (finding.found, finding.status) == (found, status)
