"""Self-contained HTML reports: of one run, and of arms compared."""

from tfgrec.report.arm_comparison import ArmComparison, compare_arms
from tfgrec.report.comparison_report import write_comparison_report
from tfgrec.report.run_report import write_report

__all__ = ["ArmComparison", "compare_arms", "write_comparison_report", "write_report"]
