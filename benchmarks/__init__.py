"""Ratios against a peer or a limit, measured side by side: `python -m benchmarks.<name> --json FILE`."""

from tfgrec.keras_flavour import require_legacy_keras

# Before any of them imports TensorFlow.
require_legacy_keras()
