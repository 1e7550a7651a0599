"""How long tables of ids learn in the phases of an arm."""

import pytest

from tfgrec.config.training import TrainingConfig
from tfgrec.training.phases import phases_of


@pytest.mark.parametrize(
    ("arm", "early_stopping", "expected"),
    [
        ("joint", None, {"ranking": False}),
        ("joint", {"refit": False}, {"ranking": True}),
        ("two_stage", None, {"pretraining": True, "ranking": False}),
        ("two_stage", {"refit": True}, {"pretraining": True, "selection": True, "ranking": True}),
    ],
)
def test_tables_learn_to_the_end_where_that_can_not_over_fit_or_is_watched(arm, early_stopping, expected) -> None:
    config = TrainingConfig.model_validate({"early_stopping": early_stopping})
    assert {phase.name: phase.tables_learn_throughout for phase in phases_of(arm, config)} == expected
