"""Tells which component of a local run is at work and what it decides, from what TFX and our executors log."""

import contextlib
import logging
import re
from collections.abc import Callable, Iterator

from absl import logging as absl_logging

_TFX, _OURS = "absl", "tfx_pipeline"
_OTHERS = ("tensorflow", "apache_beam")
_BEGUN = re.compile(r"Component (\S+) is running")
_CACHED = re.compile(r"A cached execution \d+ is used")


@contextlib.contextmanager
def told_components(announce: Callable[[str], None], *, verbose: bool) -> Iterator[None]:
    """Announces each component, and what our own say; all else that is logged is shown with `verbose` alone."""
    heard = [logging.getLogger(name) for name in (_TFX, _OURS)]
    propagated = [logger.propagate for logger in heard]
    levels = {name: logging.getLogger(name).level for name in (_OURS, *_OTHERS)}
    verbosity = absl_logging.get_verbosity()
    teller = _Teller(announce)
    for logger in heard:
        logger.addHandler(teller)
        logger.propagate = verbose and logger.propagate
    logging.getLogger(_OURS).setLevel(logging.INFO)
    # Not the logger's own level: TensorFlow puts absl's back after it has saved a model.
    absl_logging.set_verbosity(absl_logging.INFO)
    if not verbose:
        _set_levels(dict.fromkeys(_OTHERS, logging.ERROR))
    try:
        yield
    finally:
        for logger, before in zip(heard, propagated, strict=True):
            logger.removeHandler(teller)
            logger.propagate = before
        absl_logging.set_verbosity(verbosity)
        _set_levels(levels)


def _set_levels(levels: dict[str, int]) -> None:
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


class _Teller(logging.Handler):
    def __init__(self, announce: Callable[[str], None]):
        super().__init__(logging.INFO)
        self._announce = announce

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.name.startswith(_OURS):
            self._announce(f"  {message}")
            return
        begun = _BEGUN.search(message)
        if begun:
            self._announce(f"{begun.group(1)} ...")
        elif _CACHED.search(message):
            self._announce("  as in an earlier run")
