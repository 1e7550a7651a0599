"""The metrics of a run for the terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console

from tfgrec.commands.fitting_table import NOTHING, print_fitting


def print_metrics(console: Console, metrics: Mapping[str, Any], tasks: Iterable[str], *, title: str) -> None:
    """One row a task, one column a metric of a part's; a dash where a task has no such metric or it is undefined."""
    tasks = list(tasks)
    names = list(dict.fromkeys(name for task in tasks for name in metrics[task]))
    rows = [[task, *(_number(metrics[task].get(name)) for name in names)] for task in tasks]
    print_fitting(console, title=title, headings=["task", *names], texts=1, rows=rows)


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"
