"""The part of a comparison's report that says what the runs took."""

from html import escape

from tfgrec.report.arm_comparison import ArmComparison
from tfgrec.report.page import Card, Section
from tfgrec.report.tables import MISSING, table
from tfgrec.report.training_cost import TrainingCost

_HEADINGS = ("seconds", "steps", "steps / s", "requests / s", "records, MB")


def cost_section(comparison: ArmComparison) -> Section:
    """One row an arm: means over its training seeds."""
    further = list(dict.fromkeys(name for cost in comparison.costs.values() for name in cost.further))
    rows = [
        [
            escape(arm),
            *_numbers(cost),
            *(_text(cost.further.get(name), 1) for name in further),
        ]
        for arm, cost in comparison.costs.items()
    ]
    headings = ["arm", *_HEADINGS, *(escape(name.replace("_", " ")) for name in further)]
    lead = (
        "Training, means over training seeds; speeds are those of compiled steps. Records are all that a run reads, of "
        "training and validation."
    )
    return Section("Cost", lead, [Card("", table(headings, rows), wide=True)])


def _numbers(cost: TrainingCost) -> list[str]:
    records = None if cost.records_bytes is None else cost.records_bytes / 1e6
    return [
        _text(cost.seconds, 0),
        _text(cost.steps, 0),
        _text(cost.steps_per_second, 1),
        _text(cost.requests_per_second, 0),
        _text(records, 1),
    ]


def _text(value: float | None, digits: int) -> str:
    return MISSING if value is None else f"{value:,.{digits}f}"
