"""Whole inputs, drawn at random: what the jobs make of them is what plain Python counts, or they say what is wrong."""

import tempfile
from pathlib import Path

import pytest
from checked_input import check_input
from whole_inputs import WholeInput, try_inputs

SEEDS = 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_records_are_what_a_count_of_the_rows_gives_or_the_reason_is_told(seed: int) -> None:
    """The same inputs each time; `make fuzz` tries many others."""

    def check(world: WholeInput) -> None:
        with tempfile.TemporaryDirectory() as folder:
            check_input(world, Path(folder) / "input")

    try_inputs(seed, check)
