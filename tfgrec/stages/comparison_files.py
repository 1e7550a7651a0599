"""What a comparison leaves in its folder: the numbers, and the report for people."""

from pathlib import Path
from typing import TYPE_CHECKING

from tfgrec.files import write_json

if TYPE_CHECKING:
    from tfgrec.report import ArmComparison

SUMMARY, REPORT = "comparison.json", "comparison.html"


def write_comparison(comparison: "ArmComparison", root: Path) -> None:
    """Writes SUMMARY and REPORT in a folder."""
    from tfgrec.report import write_comparison_report

    write_json(root / SUMMARY, comparison.to_json())
    write_comparison_report(comparison, root / REPORT)
