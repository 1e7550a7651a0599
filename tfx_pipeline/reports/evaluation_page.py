"""evaluation.html: what the Evaluator found, by task and slice, beside the blessed model, and what decided."""

from collections.abc import Mapping, Sequence
from html import escape

from tfgrec.config.model import TaskConfig
from tfgrec.metrics import METRICS, metric_names
from tfgrec.report.page import Card, Section, Tile, render_page
from tfgrec.report.style import Colours, colours_of
from tfgrec.report.tables import MISSING, change_text, definitions, metric_headings, metric_text, table
from tfx_pipeline.evaluation.results import EvaluationResult, SliceResult
from tfx_pipeline.evaluation.threshold_checks import Interval, Measured, ThresholdCheck
from tfx_pipeline.reports.slice_figure import slice_figure

# Tables of more rows are closed until somebody opens them.
_SHORT = 8
_BOUNDS = {"at_least": "at least", "at_most": "at most", "min_gain": "a gain of at least"}
_INTERVALS = "In brackets: what the gain is at least and at most, each with the confidence asked for, or else with 95%."


def evaluation_page(result: EvaluationResult, *, model: str, blessed_model: str) -> str:
    """The page as HTML; `model` and `blessed_model` say where the models are, the latter "" if there is none."""
    everything = result.everything
    return render_page(
        title="Blessed" if result.blessed else "Not blessed",
        overline="tfgrec evaluation",
        facts=_facts(result, model, blessed_model),
        tiles=[_tile(name, task, everything) for name, task in result.layout.tasks.items()] if everything else [],
        sections=[
            _decision_section(result),
            *([_metrics_section(result, everything)] if everything else []),
            *(_slicing_section(result, name) for name in result.slices),
        ],
    )


def _facts(result: EvaluationResult, model: str, blessed_model: str) -> list[str]:
    facts = [f"{result.everything.candidates:,} candidates" if result.everything else "no candidates", f"model {model}"]
    if not blessed_model:
        return [*facts, "no model was blessed before"]
    left = [task for task in result.layout.tasks if task not in result.compared]
    fact = f"compared with {blessed_model}"
    return [*facts, f"{fact}, but not on {', '.join(left)}, which it can't be compared on" if left else fact]


def _tile(name: str, task: TaskConfig, everything: SliceResult) -> Tile:
    metric = metric_names(task.kind)[0]
    measured = everything.metrics[name][metric]
    difference = _difference_text(metric, measured, task)
    detail = f"{difference} against the blessed model" if difference else "nothing to compare with"
    if measured.interval is not None:
        detail += f", {_interval_text(measured.interval, metric, task)}"
    return Tile(f"{name} · {METRICS[metric].heading}", metric_text(metric, measured.candidate, task), detail)


def _decision_section(result: EvaluationResult) -> Section:
    lead = "Nothing was asked of the model." if not result.checks else "What pipeline.thresholds asks for."
    if any(check.key == "min_gain" and check.measured.interval for check in result.checks):
        lead += f" {_INTERVALS}"
    cards = [Card("", "".join(f"<p class='worse'>{escape(line)}</p>" for line in result.failures), wide=True)]
    headings = ["task", "metric", "this model", "blessed model", "gain", "asked for", "reached"]
    cards.append(Card("", table(headings, [_check_row(check) for check in result.checks]), wide=True))
    shown = [bool(result.failures), bool(result.checks)]
    return Section("Decision", lead, [card for card, keep in zip(cards, shown, strict=True) if keep])


def _check_row(check: ThresholdCheck) -> list[str]:
    gain = check.measured.gain(check.metric)
    interval = check.measured.interval if check.key == "min_gain" else None
    sure = f", {100 * interval.confidence:g}% sure" if check.sure and interval else ""
    return [
        escape(check.task),
        METRICS[check.metric].heading,
        _number(check.measured.candidate),
        _number(check.measured.baseline),
        MISSING if gain is None else f"{gain:+.3g}{_gain_interval(interval)}",
        f"{_BOUNDS[check.key]} {check.bound:g}{sure}",
        "<span class='better'>yes</span>" if check.met else "<span class='worse'>no</span>",
    ]


def _metrics_section(result: EvaluationResult, everything: SliceResult) -> Section:
    cards = []
    for kind in ("binary", "regression"):
        tasks = {name: task for name, task in result.layout.tasks.items() if task.kind == kind}
        rows = [_metrics_row(name, everything, name, task) for name, task in tasks.items()]
        if rows:
            cards.append(Card("", table(["task", "rows", *metric_headings(kind)], rows), wide=True))
    lead = (
        "Of all candidates whose label is known; smaller, the difference from the blessed model, and in brackets what "
        "it is at least and at most, each with 95% confidence or that asked for (bootstrap over users)."
    )
    cards.append(Card("", definitions(result.layout.tasks), wide=True))
    return Section("Metrics", lead, cards)


def _slicing_section(result: EvaluationResult, name: str) -> Section:
    """Figures of each task's first metric, then tables of all."""
    layout, found = result.layout, result.slices[name]
    shown = [part for part in found if part.candidates >= layout.min_rows]
    lead = f"By {layout.slices[name].cuts_by}. The fewer rows a slice has, the more of a difference is chance."
    if result.compared:
        lead += " A bar is the interval of the gain: where it misses the blessed model, the gain is hardly chance."
    if len(shown) < len(found):
        left = sum(part.candidates for part in found) - sum(part.candidates for part in shown)
        lead += (
            f" {len(found) - len(shown)} of {len(found)} slices have fewer than {layout.min_rows:,} candidates and are "
            f"not shown: {left:,} candidates."
        )
    cards = [*_slice_figures(shown, layout.tasks), *_slice_tables(name, shown, layout.tasks)] if shown else []
    return Section(f"Slices: {name}", lead, cards)


def _slice_figures(parts: Sequence[SliceResult], tasks: Mapping[str, TaskConfig]) -> list[Card]:
    colours: Colours = colours_of(tasks)
    cards = []
    for name, task in tasks.items():
        metric = metric_names(task.kind)[0]
        measured = {part.part: part.metrics[name][metric] for part in parts}
        figure = slice_figure(measured, title=METRICS[metric].heading, colour=colours[name])
        if figure is not None:
            cards.append(Card(f"{name}: {METRICS[metric].heading}", figure))
    return cards


def _slice_tables(slicing: str, parts: Sequence[SliceResult], tasks: Mapping[str, TaskConfig]) -> list[Card]:
    cards = []
    for name, task in tasks.items():
        headings = [escape(slicing), "rows", *metric_headings(task.kind)]
        rows = [_metrics_row(part.part, part, name, task) for part in parts]
        summary = f"<summary>{escape(name)}: all metrics</summary>"
        content = f"<details{' open' if len(rows) <= _SHORT else ''}>{summary}{table(headings, rows)}</details>"
        cards.append(Card("", content, wide=True))
    return cards


def _metrics_row(heading: str, part: SliceResult, name: str, task: TaskConfig) -> list[str]:
    cells = [_metric_cell(metric, part.metrics[name][metric], task) for metric in metric_names(task.kind)]
    return [escape(heading), f"{part.rows[name]:,}", *cells]


def _metric_cell(metric: str, measured: Measured, task: TaskConfig) -> str:
    difference = _difference_text(metric, measured, task)
    text = metric_text(metric, measured.candidate, task)
    if measured.interval is not None:
        difference = f"{difference} {_interval_text(measured.interval, metric, task)}"
    return f"{text} <span class='interval'>{difference}</span>" if difference else text


def _difference_text(metric: str, measured: Measured, task: TaskConfig) -> str:
    """Empty where there is nothing to compare."""
    return "" if measured.difference is None else change_text(metric, measured.difference, task)


def _interval_text(interval: Interval, metric: str, task: TaskConfig) -> str:
    """Of the difference, which for metrics that are better when lower is the gain turned round."""
    falls = METRICS[metric].better == "lower"
    ends = (-interval.high, -interval.low) if falls else (interval.low, interval.high)
    return f"[{', '.join(change_text(metric, end, task) for end in ends)}]"


def _gain_interval(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f" <span class='interval'>[{interval.low:+.3g}, {interval.high:+.3g}]</span>"


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.6g}"
