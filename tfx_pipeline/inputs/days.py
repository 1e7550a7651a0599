"""Days of a pipeline: the split that belongs to a newest day, and the span number that TFX knows the day by."""

import datetime

from tfgrec.config import RunConfig
from tfgrec.config.sampling import SplitConfig
from tfgrec.config.tables import Scalar
from tfgrec.errors import ConfigurationError

_EPOCH = datetime.date(1970, 1, 1)
_COMPACT, _ISO = "%Y%m%d", "%Y-%m-%d"


def parse_day(text: str) -> Scalar:
    """A day as given on a command line: 20220505 or another whole number, or 2022-05-05.

    Raises:
      ConfigurationError: it is neither.
    """
    if text.isdigit():
        return int(text)
    if _date_of(text) is None:
        raise ConfigurationError(f"--day {text}: is neither a date, as 20220505 or 2022-05-05, nor a whole number")
    return text


def span_of(day: Scalar) -> int:
    """Days since 1970-01-01 of a date, 20220505 or "2022-05-05"; any other whole number counts days by itself.

    Raises:
      ConfigurationError: it is no day.
    """
    date = _date_of(day)
    if date is not None:
        return (date - _EPOCH).days
    if isinstance(day, int):
        return day
    raise ConfigurationError(
        f"split: {day!r} is no day: a pipeline counts in days, written 20220505, 2022-05-05 or as whole numbers"
    )


def at_day(config: RunConfig, day: Scalar) -> RunConfig:
    """The configuration with the split of a newest `day`: by `pipeline.window`, evaluation up to that day, training
    before it.

    Raises:
      ConfigurationError: the days that the configuration has are written otherwise than `day`.
    """
    known = config.split.validation[1]
    if type(known) is not type(day) or (_date_of(known) is None) != (_date_of(day) is None):
        raise ConfigurationError(f"--day {day}: column '{config.split.column}' has days such as {known}")
    window = config.pipeline.window
    first_evaluated = _back(day, window.eval_days - 1)
    days = {
        "train": (_back(first_evaluated, window.train_days), _back(first_evaluated, 1)),
        "validation": (first_evaluated, day),
    }
    return config.model_copy(update={"split": config.split.model_copy(update=days)})


def told_days(split: SplitConfig) -> str:
    """The days of a run, for people."""
    evaluated = _range(split.validation)
    return evaluated if split.train is None else f"{evaluated}, trained on {_range(split.train)}"


def _range(days: tuple[Scalar, Scalar]) -> str:
    first, last = days
    return str(last) if first == last else f"{first} to {last}"


def _back(day: Scalar, days: int) -> Scalar:
    date = _date_of(day)
    if date is None:
        return day - days
    earlier = date - datetime.timedelta(days=days)
    return int(earlier.strftime(_COMPACT)) if isinstance(day, int) else earlier.strftime(_ISO)


def _date_of(day: Scalar) -> datetime.date | None:
    if isinstance(day, int):
        return _date(str(day), _COMPACT) if len(str(day)) == len("20220505") else None
    return _date(day, _ISO) if isinstance(day, str) else None


def _date(text: str, pattern: str) -> datetime.date | None:
    try:
        date = datetime.datetime.strptime(text, pattern).date()
    except ValueError:
        return None
    # Days are compared as text: 2022-5-5 would come after 2022-05-31.
    return date if date.strftime(pattern) == text else None
