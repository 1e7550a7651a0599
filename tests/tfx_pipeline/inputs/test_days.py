"""The days of a pipeline's runs."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgrec.config import load_run_config
from tfgrec.errors import ConfigurationError
from tfx_pipeline.inputs.days import at_day, parse_day, span_of, told_days

CONFIGS = {"dates": "configs/kuairand.yaml", "numbers": "configs/demo.yaml"}


def config_with(split: str, window: dict[str, int]):
    overrides = [f"pipeline.window.{key}={days}" for key, days in window.items()]
    return load_run_config(CONFIGS[split], overrides)


@given(st.dates(datetime.date(1970, 1, 1), datetime.date(2100, 1, 1)), st.integers(1, 40), st.integers(1, 9))
def test_the_window_ends_with_the_day_and_has_no_gap(day, train_days, eval_days):
    config = config_with("dates", {"train_days": train_days, "eval_days": eval_days})
    split = at_day(config, int(day.strftime("%Y%m%d"))).split
    spans = [span_of(value) for value in (*split.train, *split.validation)]
    last = (day - datetime.date(1970, 1, 1)).days
    assert spans == [last - eval_days - train_days + 1, last - eval_days, last - eval_days + 1, last]


def test_plain_numbers_count_by_themselves():
    split = at_day(config_with("numbers", {"train_days": 3, "eval_days": 1}), parse_day("9")).split
    assert (split.train, split.validation) == ((6, 8), (9, 9))
    assert span_of(9) == 9


def test_dates_written_in_two_ways_are_the_same_span():
    assert span_of("2022-05-05") == span_of(20220505) == (datetime.date(2022, 5, 5) - datetime.date(1970, 1, 1)).days


def test_months_of_different_lengths():
    split = at_day(config_with("dates", {"train_days": 2, "eval_days": 1}), 20240301).split
    assert (split.train, split.validation) == ((20240228, 20240229), (20240301, 20240301))


@pytest.mark.parametrize("text", ["yesterday", "2022-13-01", "2022-5-05", "2022-05-5", "05/05/2022", "-1", ""])
def test_what_is_no_day_is_refused(text):
    with pytest.raises(ConfigurationError, match="--day"):
        parse_day(text)


@pytest.mark.parametrize(("split", "day"), [("dates", "2022-05-05"), ("dates", "7"), ("numbers", "20220505")])
def test_a_day_written_otherwise_than_the_column_is_refused(split, day):
    with pytest.raises(ConfigurationError, match="has days such as"):
        at_day(config_with(split, {}), parse_day(day))


def test_days_are_told_as_they_are_written():
    config = config_with("dates", {"train_days": 2, "eval_days": 1})
    split = at_day(config, 20240301).split
    assert told_days(split) == "20240301, trained on 20240228 to 20240229"
    assert told_days(split.model_copy(update={"train": None})) == "20240301"


@pytest.mark.parametrize("day", ["week 18", "2022-5-05"])
def test_a_split_that_has_no_days_is_refused(day):
    with pytest.raises(ConfigurationError, match="is no day"):
        span_of(day)
