"""Keeps what others say at start-up out of what a command or a notebook shows."""

import os
import warnings


def quieten_frameworks() -> None:
    """Has an effect on TensorFlow where it is not imported yet, and on the processes that this one starts."""
    # TensorFlow's own start-up messages would bury ours; set the variable to 0 to see them.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Nor is it news to the user that Python 3.10, which stack A needs, is old.
    warnings.filterwarnings("ignore", message=".*non-supported Python version", category=FutureWarning)
