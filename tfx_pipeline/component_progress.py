"""Tells which component of a local run is at work, from what TFX logs."""

import contextlib
import logging
import re
from collections.abc import Callable, Iterator

from absl import logging as absl_logging

_BEGUN = re.compile(r"Component (\S+) is running")
_CACHED = re.compile(r"A cached execution \d+ is used")


@contextlib.contextmanager
def told_components(announce: Callable[[str], None], *, verbose: bool) -> Iterator[None]:
    """Announces each component; all else that TFX, Beam and TensorFlow log is shown with `verbose` alone."""
    of_tfx = logging.getLogger("absl")
    others = {name: logging.getLogger(name).level for name in ("tensorflow", "apache_beam")}
    before = absl_logging.get_verbosity(), of_tfx.propagate
    teller = _Teller(announce)
    of_tfx.addHandler(teller)
    # Not the logger's own level: TensorFlow puts absl's back after it has saved a model.
    absl_logging.set_verbosity(absl_logging.INFO)
    if not verbose:
        of_tfx.propagate = False
        _set_levels(dict.fromkeys(others, logging.ERROR))
    try:
        yield
    finally:
        of_tfx.removeHandler(teller)
        of_tfx.propagate = before[1]
        absl_logging.set_verbosity(before[0])
        _set_levels(others)


def _set_levels(levels: dict[str, int]) -> None:
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


class _Teller(logging.Handler):
    def __init__(self, announce: Callable[[str], None]):
        super().__init__(logging.INFO)
        self._announce = announce

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        begun = _BEGUN.search(message)
        if begun:
            self._announce(f"{begun.group(1)} ...")
        elif _CACHED.search(message):
            self._announce("  as in an earlier run")
