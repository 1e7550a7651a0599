"""TF-GNN and TFRS work with Keras 2 only; this makes `tf.keras` mean tf-keras before TensorFlow is imported."""

import os
import sys

_VARIABLE = "TF_USE_LEGACY_KERAS"
_TRUE_VALUES = ("1", "true", "True")


def require_legacy_keras() -> None:
    """Chooses Keras 2 for this process and the ones it starts.

    Raises:
      ImportError: TensorFlow was imported before with Keras 3, which can't be undone in this process.
    """
    if os.environ.get(_VARIABLE) not in _TRUE_VALUES:
        if "tensorflow" in sys.modules and _keras_is_version_3(sys.modules["tensorflow"]):
            raise ImportError(
                "tfgrec needs Keras 2 (tf-keras), but TensorFlow was imported before tfgrec with Keras 3. "
                f"Import tfgrec first, or set the environment variable {_VARIABLE}=1 before Python starts."
            )
        os.environ[_VARIABLE] = "1"


def _keras_is_version_3(tensorflow: object) -> bool:
    # tf.keras.__version__ does not exist under tf-keras; the layers' module tells the flavour.
    return not tensorflow.keras.layers.Layer.__module__.startswith("tf_keras")
