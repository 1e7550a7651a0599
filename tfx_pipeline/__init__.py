"""tfgrec as a TFX pipeline: sampled subgraphs in; statistics, validation, training, evaluation, blessing and push."""

from tfgrec.keras_flavour import require_legacy_keras

# Components' executors are imported by name, in processes that nobody prepared.
require_legacy_keras()
