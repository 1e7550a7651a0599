"""Whole inputs, drawn at random: what the jobs make of them is what plain Python counts, or they say what is wrong."""

import tempfile
from pathlib import Path

import hypothesis
import pytest
from checked_input import check_input
from whole_inputs import WholeInput, whole_inputs

SEEDS = 4
INPUTS_PER_SEED = 6


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_records_are_what_a_count_of_the_rows_gives_or_the_reason_is_told(seed: int) -> None:
    """The same inputs each time; `make fuzz` tries many others."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=INPUTS_PER_SEED,
        derandomize=False,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(whole_inputs())
    def check(world: WholeInput) -> None:
        with tempfile.TemporaryDirectory() as folder:
            check_input(world, Path(folder) / "input")

    check()
