"""tfgrec trains a graph neural network and a recommender as one model."""

from tfgrec.keras_flavour import require_legacy_keras

__version__ = "0.1.0"

require_legacy_keras()
