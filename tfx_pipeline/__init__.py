"""tfgrec as a TFX pipeline: sampled subgraphs in; statistics, validation, training, evaluation, blessing and push."""

import importlib

from tfgrec.keras_flavour import require_legacy_keras

# Components' executors are imported by name, in processes that nobody prepared.
require_legacy_keras()

_ARTIFACTS = ("GraphStore", "HtmlPages", "LeakageReport")


def __getattr__(name: str) -> type:
    """The types of artifacts: on Kubeflow, TFX imports them by names that can have one dot only."""
    if name in _ARTIFACTS:
        return getattr(importlib.import_module("tfx_pipeline.artifacts"), name)
    raise AttributeError(f"module 'tfx_pipeline' has no attribute '{name}'")
