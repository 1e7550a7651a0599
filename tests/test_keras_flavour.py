"""Keras 2 is chosen before TensorFlow is imported, or the user is told how."""

import os
import subprocess
import sys

import pytest


def run_python(code: str, **variables: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    environment.update(variables, TF_CPP_MIN_LOG_LEVEL="3")
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)


@pytest.mark.slow
def test_importing_tfgrec_first_gives_keras_2() -> None:
    done = run_python("import tfgrec, tensorflow as tf; print(tf.keras.layers.Layer.__module__)")
    assert done.stdout.startswith("tf_keras"), done.stderr


@pytest.mark.slow
def test_importing_tensorflow_first_with_keras_3_says_how_to_mend_it() -> None:
    done = run_python("import tensorflow as tf; tf.keras.layers.Layer; import tfgrec")
    assert done.returncode == 1
    assert "ImportError" in done.stderr and "Import tfgrec first" in done.stderr


@pytest.mark.slow
def test_importing_tensorflow_first_with_keras_2_is_fine() -> None:
    done = run_python("import tensorflow as tf; import tfgrec; print('fine')", TF_USE_LEGACY_KERAS="1")
    assert done.stdout.strip() == "fine", done.stderr


def test_the_library_imports_neither_beam_nor_tfx_nor_tensorflow_by_itself() -> None:
    done = run_python(
        "import sys, tfgrec, tfgrec.config, tfgrec.graph.schema;"
        "print([name for name in ('apache_beam', 'tfx', 'tensorflow') if name in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr
