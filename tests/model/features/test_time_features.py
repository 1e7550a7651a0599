"""Hours and weekdays against the calendar of the standard library."""

import datetime

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgrec.model.features.feature_specs import TimeOfSpec
from tfgrec.model.features.time_features import TimeFeatures

LAYERS = {
    offset: TimeFeatures(specs={"published": TimeOfSpec(parts=["hour", "weekday"], utc_offset_hours=offset)})
    for offset in (0.0, 8.0, -3.5)
}


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4_000_000_000_000), st.sampled_from(sorted(LAYERS)))
def test_cyclic_parts_are_those_of_the_calendar(milliseconds: int, offset: float) -> None:
    local = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=milliseconds, hours=offset)
    angles = 2 * np.pi * np.array([local.hour / 24, local.weekday() / 7])
    encoded = LAYERS[offset]({"published": tf.constant([milliseconds], tf.int64)}).numpy()[0]
    np.testing.assert_allclose(encoded, np.concatenate([np.sin(angles), np.cos(angles)]), atol=1e-5)


def test_midnight_is_next_to_eleven_at_night() -> None:
    hours = tf.constant([23, 24, 36], tf.int64) * 3_600_000
    late, midnight, noon = TimeFeatures(specs={"x": TimeOfSpec(parts=["hour"])})({"x": hours}).numpy()
    assert np.linalg.norm(late - midnight) < 0.3 < np.linalg.norm(noon - midnight)


def test_embedded_hours_and_weekdays_have_rows_of_their_own() -> None:
    layer = TimeFeatures(specs={"x": TimeOfSpec(parts=["hour", "weekday"], dimension=3)})
    rows = layer({"x": tf.constant([5, 6, 29, 24 * 7 + 5], tf.int64) * 3_600_000}).numpy()
    assert layer.trainable_variables[0].shape == (25 + 8, 3) and rows.shape == (4, 6)
    np.testing.assert_array_equal(rows[0], rows[3])
    np.testing.assert_array_equal(rows[0, :3], rows[2, :3])
    np.testing.assert_array_equal(rows[0, 3:], rows[1, 3:])
    assert not np.allclose(rows[0, :3], rows[1, :3]) and not np.allclose(rows[0, 3:], rows[2, 3:])


@pytest.mark.parametrize("dimension", [None, 3])
def test_an_unknown_time_is_no_time(dimension: int | None) -> None:
    layer = TimeFeatures(specs={"x": TimeOfSpec(parts=["hour", "weekday"], dimension=dimension)})
    zero, negative, first_hour = layer({"x": tf.constant([0, -(10**12), 1], tf.int64)}).numpy()
    np.testing.assert_array_equal(zero, negative)
    assert not np.allclose(zero, first_hour)
    if dimension is None:
        np.testing.assert_array_equal(zero, np.zeros(4))
