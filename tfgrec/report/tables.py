"""HTML tables of metrics."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tfgrec.config.model import TaskConfig
from tfgrec.metrics import METRICS, metric_names
from tfgrec.report.units import display_unit

MISSING = "–"


def metric_text(metric: str, value: float | None, task: TaskConfig) -> str:
    """A task's metric as people read it; a dash where it is undefined."""
    if value is None:
        return MISSING
    if METRICS[metric].in_label_units:
        factor, unit = display_unit(task.label)
        return f"{value * factor:,.3f} {unit}".rstrip()
    return f"{value:.{METRICS[metric].digits}f}"


def change_text(metric: str, change: float, task: TaskConfig) -> str:
    """A difference of a task's metric, with its sign."""
    if METRICS[metric].in_label_units:
        factor, unit = display_unit(task.label)
        return f"{factor * change:+,.3f} {unit}".rstrip()
    return f"{change:+.{METRICS[metric].digits}f}"


def metric_headings(kind: str) -> list[str]:
    """The columns of all metrics of a kind of task."""
    return [METRICS[metric].heading for metric in metric_names(kind)]


def definitions(tasks: Mapping[str, TaskConfig]) -> str:
    """What each metric of the tasks is: text that opens when it is asked for."""
    kinds = {task.kind for task in tasks.values()}
    lines = (
        f"<p class='note'><strong>{metric.heading}</strong>: {escape(metric.definition)}</p>"
        for metric in METRICS.values()
        if metric.kind in kinds
    )
    return f"<details><summary>What these are</summary>{''.join(lines)}</details>"


def task_table(metrics: Mapping[str, Any], tasks: Mapping[str, TaskConfig], kind: str) -> str:
    """One row a task of one kind, one column a metric; empty text where there is no such task."""
    names = [name for name, task in tasks.items() if task.kind == kind]
    if not names:
        return ""
    # Runs of earlier versions may lack a metric.
    rows = [
        [escape(name), *(metric_text(metric, metrics[name].get(metric), tasks[name]) for metric in metric_names(kind))]
        for name in names
    ]
    return table(["task", *metric_headings(kind)], rows)


def scenario_table(metrics: Mapping[str, Any], scenarios: Mapping[str, Any], tasks: Mapping[str, TaskConfig]) -> str:
    """One row a scenario, most rows first, and a last one for all: AUC or concordance, with a bar from chance to 1."""
    ordered = sorted(scenarios.items(), key=lambda item: (-item[1]["rows"], item[0]))
    lines = [*((escape(name), values) for name, values in ordered), ("<em>all</em>", metrics)]
    return _slice_table("scenario", lines, tasks)


def cold_start_table(cold_start: Mapping[str, Any], tasks: Mapping[str, TaskConfig]) -> str:
    """A row for cold and one for warm users, and items, as `scenario_table` has them; one without rows says so."""
    lines = [
        (f"{side}: {'no event before' if temperature == 'cold' else 'some'}", values)
        for side, by_temperature in cold_start.items()
        for temperature, values in by_temperature.items()
    ]
    return _slice_table("", lines, tasks)


def _slice_table(heading: str, lines: Sequence[tuple[str, Any]], tasks: Mapping[str, TaskConfig]) -> str:
    rows = [
        [name, f"{values['rows']:,}", *(_bar_cell(values[task], kind.kind) for task, kind in tasks.items())]
        for name, values in lines
    ]
    headings = [f"{escape(task)}<small>{metric_headings(kind.kind)[0]}</small>" for task, kind in tasks.items()]
    return table([heading, "rows", *headings], rows)


def retrieval_table(metrics: Mapping[str, Any]) -> str:
    """One row for the model and one for each popularity, one column a metric."""
    names = [name for name in metrics if "@" in name]
    lines = {"<em>model</em>": metrics}
    lines |= {f"popularity: {escape(name)}": values for name, values in metrics["popularity"].items()}
    rows = [[line, *(_share(values[name]) for name in names)] for line, values in lines.items()]
    return table(["ranked by", *(name.replace("recall", "recall ").replace("ndcg", "NDCG ") for name in names)], rows)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of ready HTML cells; the first column is the row's heading."""
    head = "".join(f"<th scope='col'>{heading}</th>" for heading in headings)
    body = "".join(
        f"<tr><th scope='row'>{first}</th>{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>" for first, *rest in rows
    )
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{value:.4f}"


def _bar_cell(values: Mapping[str, float | None], kind: str) -> str:
    value = values[metric_names(kind)[0]]
    if value is None:
        return MISSING
    share = min(max((value - 0.5) / 0.5, 0.0), 1.0)
    return f"<span class='bar' style='--share:{share:.3f}'>{value:.4f}</span>"
