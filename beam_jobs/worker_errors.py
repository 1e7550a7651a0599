"""Errors that a user can mend, brought back from Beam's workers as they were raised there."""

import contextlib
import logging
import re
from collections.abc import Iterator

from tfgrec import errors

# Beam logs what a worker raised: on the worker, and where a runner elsewhere tells of it.
_LOGGERS = (
    "apache_beam.runners.common",
    "apache_beam.runners.worker.sdk_worker",
    "apache_beam.runners.portability.local_job_service",
    None,
)
# Beam turns what is raised on a worker, which may run in this process, into text: a traceback, with the step added.
_STEP = re.compile(r" \[while running '.*?'\]")
_MENDABLE = re.compile(r"tfgrec\.errors\.(\w+): (.*?)(?: \[while running|\n\n|\Z)", re.DOTALL)
_INTERRUPTED = "KeyboardInterrupt"


@contextlib.contextmanager
def errors_as_raised_on_workers() -> Iterator[None]:
    """Around the run of a Beam pipeline: an error's message is the one that was raised, without Beam's additions, and
    its traceback on the worker is not logged.

    Raises:
      TfgrecError: as raised on a worker; other errors as they come.
    """
    try:
        with _quiet_workers():
            yield
    except errors.TfgrecError as error:
        text = _STEP.sub("", str(error))
        if text == str(error):
            raise
        raise type(error)(text) from error
    except Exception as error:
        if str(error).startswith(_INTERRUPTED):
            raise KeyboardInterrupt from error
        mendable = _mendable(str(error))
        if mendable is None:
            raise
        raise mendable from error


def _mendable(text: str) -> errors.TfgrecError | None:
    """The error that a traceback ends with, if it is one that a user can mend."""
    found = _MENDABLE.search(text)
    kind = getattr(errors, found.group(1), None) if found else None
    return kind(found.group(2).strip()) if kind else None


@contextlib.contextmanager
def _quiet_workers() -> Iterator[None]:
    """Keeps Beam from printing tracebacks of what the job itself will tell its user."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(_is_news)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    raised = record.exc_info[1] if record.exc_info else None
    told = isinstance(raised, errors.TfgrecError | KeyboardInterrupt) or str(raised).startswith(_INTERRUPTED)
    return not told and _mendable(record.getMessage()) is None
