"""The metrics of a run as a table for the terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table


def metrics_table(metrics: Mapping[str, Any], tasks: Iterable[str], *, title: str) -> Table:
    """One row a task, one column a metric; a dash where a task has no such metric or it is undefined."""
    names = list(dict.fromkeys(name for task in tasks for name in metrics["validation"][task]))
    table = Table(title=title, title_justify="left")
    table.add_column("task")
    for name in names:
        table.add_column(name, justify="right")
    for task in tasks:
        values = metrics["validation"][task]
        table.add_row(task, *(_number(values.get(name)) for name in names))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"
