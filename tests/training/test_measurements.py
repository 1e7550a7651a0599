"""When to measure, which measurement was best, and when to stop."""

import pytest

from tfgrec.training.measurements import Measurements, is_due


def measured(*values: float, lower_is_better: bool = True) -> Measurements:
    return Measurements([{"step": 10 * i, "value": value} for i, value in enumerate(values)], lower_is_better)


@pytest.mark.parametrize(
    ("values", "best", "over"),
    [
        ((0.5,), 0, False),
        ((0.5, 0.4, 0.45), 1, False),
        ((0.5, 0.4, 0.45, 0.41), 1, True),
        # An equal one is no better.
        ((0.5, 0.4, 0.4, 0.4), 1, True),
        ((0.5, 0.4, 0.45, 0.39), 3, False),
    ],
)
def test_training_stops_after_two_without_a_better_one(values: tuple[float, ...], best: int, over: bool) -> None:
    for sign in (1, -1):
        measurements = measured(*(sign * value for value in values), lower_is_better=sign == 1)
        assert measurements.best["step"] == 10 * best
        assert measurements.are_over(patience=2) is over
        assert measurements.is_newest_best is (best == len(values) - 1)


def test_nothing_is_over_before_it_was_measured() -> None:
    assert not measured().are_over(patience=1)


@pytest.mark.parametrize(
    ("steps_per_epoch", "times", "expected"),
    [(10, 2, [5, 10, 15, 20]), (7, 3, [3, 5, 7, 10, 12, 14]), (4, 1, [4, 8]), (2, 5, [1, 2, 3, 4])],
)
def test_measurements_are_evenly_spread_and_one_is_at_the_end(
    steps_per_epoch: int, times: int, expected: list[int]
) -> None:
    steps = range(1, 2 * steps_per_epoch + 1)
    due = [step for step in steps if is_due(step, steps_per_epoch=steps_per_epoch, times_per_epoch=times)]
    assert due == expected
