"""Imports the frameworks one by one, as a process of its own, and prints one JSON a line about each.

A line is printed before and after every step: where the process dies, the last line tells in which step it was.
Run by `framework_checks`, as `python -m tfgrec.environment.framework_probe`.
"""

import importlib
import json
from collections.abc import Callable

from tfgrec.keras_flavour import require_legacy_keras


def main() -> None:
    """Runs all steps; a step that fails is reported and does not end the others."""
    require_legacy_keras()
    _report("TensorFlow", _import_tensorflow)
    _report("Keras", _keras_flavour)
    _report("GPU", _gpus)
    for title, module in (
        ("TF-GNN", "tensorflow_gnn"),
        ("TFRS", "tensorflow_recommenders"),
        ("Beam", "apache_beam"),
        ("tfx_bsl", "tfx_bsl.coders.example_coder"),
    ):
        _report(title, lambda module=module: _import(module))


def _report(step: str, look: Callable[[], str]) -> None:
    _print(step=step, state="started")
    try:
        _print(step=step, state="done", found=look())
    # An import may fail with any exception at all: each is a finding.
    except Exception as error:
        _print(step=step, state="failed", found=f"{type(error).__name__}: {error}")


def _print(**line: str) -> None:
    print(json.dumps(line), flush=True)


def _import_tensorflow() -> str:
    import tensorflow as tf

    return f"imports ({tf.__version__})"


def _keras_flavour() -> str:
    import tensorflow as tf

    # tf.keras.__version__ does not exist under tf-keras; the layers' module tells the flavour.
    return tf.keras.layers.Layer.__module__.partition(".")[0]


def _gpus() -> str:
    import tensorflow as tf

    return ", ".join(device.name for device in tf.config.list_physical_devices("GPU"))


def _import(module: str) -> str:
    importlib.import_module(module)
    return "imports"


if __name__ == "__main__":
    main()
