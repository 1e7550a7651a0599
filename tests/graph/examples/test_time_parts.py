"""Hours and weekdays are those of a calendar."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tfgrec.config.tables import TimePart
from tfgrec.graph.examples.time_parts import time_part


@given(times=st.lists(st.integers(0, 4_102_444_800_000), min_size=1), offset=st.sampled_from([0.0, 8.0, -3.5]))
def test_parts_are_those_of_pandas(times: list[int], offset: float) -> None:
    local = pd.to_datetime(np.array(times), unit="ms") + pd.Timedelta(hours=offset)
    hours = time_part(np.array(times), TimePart(time_part="hour", utc_offset_hours=offset))
    weekdays = time_part(np.array(times), TimePart(time_part="weekday", utc_offset_hours=offset))
    assert hours.tolist() == list(local.hour)
    assert weekdays.tolist() == list(local.weekday)
