"""Keeps what others say at start-up out of what a command or a notebook shows."""

import warnings

from tfgrec.tensorflow_start import keep_start_quiet


def quieten_frameworks() -> None:
    """Has an effect on TensorFlow where it is not imported yet, and on the processes that this one starts."""
    # TensorFlow's own start-up messages would bury ours; set the variable to 0 to see them.
    keep_start_quiet()
    # Nor is it news to the user that Python 3.10, which stack A needs, is old.
    warnings.filterwarnings("ignore", message=".*non-supported Python version", category=FutureWarning)
