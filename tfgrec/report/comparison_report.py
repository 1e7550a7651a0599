"""The report of arms and variants compared."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from tfgrec.config.model import TaskConfig
from tfgrec.files import write_atomically
from tfgrec.metrics import METRICS, PairedDifference, metric_names
from tfgrec.report.arm_comparison import ArmComparison, SeedSummary
from tfgrec.report.cost_section import cost_section
from tfgrec.report.curves import smoothed, thinned_positions
from tfgrec.report.interval_figure import interval_figure
from tfgrec.report.page import Card, Section, Tile, render_page
from tfgrec.report.style import colour, new_figure
from tfgrec.report.tables import metric_headings, metric_text, table
from tfgrec.report.training_figures import MAX_POINTS, SMOOTHING_SHARE
from tfgrec.report.units import display_unit


def write_comparison_report(comparison: ArmComparison, path: str | Path) -> Path:
    """Writes the HTML report of a comparison; needs no network, and the same comparison gives the same file."""
    first = comparison.runs[comparison.baseline][0]
    measured = first.of_part
    seeds = "runs: " + ", ".join(f"{len(runs)} {arm}" for arm, runs in comparison.runs.items())
    page = render_page(
        title=f"{first.config.name}: {', '.join(comparison.runs)}",
        overline="tfgrec comparison",
        facts=[f"{measured['requests']:,} {first.part} requests", f"{measured['rows']:,} candidates", seeds],
        tiles=_tiles(comparison),
        sections=[
            _difference_section(comparison),
            _metrics_section(comparison),
            _variant_section(comparison),
            cost_section(comparison),
            _scenario_section(comparison),
            _training_section(comparison),
        ],
    )
    path = Path(path)
    write_atomically(path, lambda file: file.write(page.encode("utf-8")))
    return path


def _tiles(comparison: ArmComparison) -> list[Tile]:
    """Per arm, the difference of the first task's first metric."""
    task, config = next(iter(comparison.tasks.items()))
    metric = metric_names(config.kind)[0]
    return [
        Tile(
            f"{arm} − {comparison.baseline} · {task} {METRICS[metric].heading}",
            f"{by_task[task][metric].difference:+.4f}",
            f"95% interval {by_task[task][metric].low:+.4f} to {by_task[task][metric].high:+.4f}",
        )
        for arm, by_task in comparison.differences.items()
        if metric in by_task.get(task, {})
    ]


def _difference_section(comparison: ArmComparison) -> Section:
    cards = []
    for metric in METRICS:
        rows = {arm: _rows(found, metric, comparison.tasks) for arm, found in comparison.differences.items()}
        if any(rows.values()):
            better = "left" if METRICS[metric].better == "lower" else "right"
            title = f"{METRICS[metric].heading}: difference from {comparison.baseline}"
            cards.append(Card(title, interval_figure(rows), note=f"Better is {better} of the line."))
    changed = "users would change, not another training seed: each arm was trained once."
    if comparison.num_seeds > 1:
        changed = f"users and other training seeds would change, as far as {comparison.num_seeds} seeds can tell."
    lead = (
        f"Each arm less {comparison.baseline} on the same rows, means over training seeds. Intervals (95%) are of a "
        f"paired bootstrap: they hold what another sample of {changed}"
    )
    return Section("Differences", lead, cards, columns=2)


def _rows(
    differences: Mapping[str, Mapping[str, PairedDifference]], metric: str, tasks: Mapping[str, TaskConfig]
) -> dict[str, PairedDifference]:
    """One metric of {task: {metric: difference}}, by task; errors are in the unit in which their label is shown."""
    rows = {}
    for task, of_task in differences.items():
        if metric not in of_task:
            continue
        factor, unit = display_unit(tasks[task].label) if METRICS[metric].in_label_units else (1.0, "")
        rows[f"{task} ({unit})" if unit else task] = of_task[metric].scaled(factor)
    return rows


def _metrics_section(comparison: ArmComparison) -> Section:
    cards = []
    for name, task in comparison.tasks.items():
        rows = [
            [escape(arm), *(_summary_cell(metric, by_task[name][metric], task) for metric in metric_names(task.kind))]
            + [_difference_cell(comparison.differences.get(arm, {}).get(name, {}).get(metric_names(task.kind)[0]))]
            for arm, by_task in comparison.metrics.items()
            if name in by_task
        ]
        last = f"{metric_headings(task.kind)[0]} less {escape(comparison.baseline)}'s"
        headings = ["arm", *metric_headings(task.kind), last]
        cards.append(Card(name, table(headings, rows), wide=True))
    lead = "Means over training seeds, ± their standard deviation. Coloured: the interval leaves out zero."
    return Section("Metrics", lead, cards)


def _variant_section(comparison: ArmComparison) -> Section:
    """What each variant sets."""
    rows = [
        [
            escape(name),
            escape(comparison.runs[name][0].config.arm),
            "<br>".join(f"<code>{escape(change)}</code>" for change in changes),
        ]
        for name, changes in comparison.changes.items()
    ]
    cards = [Card("", table(["variant", "of arm", "sets"], rows), wide=True)] if rows else []
    return Section("Variants", "Each is its arm but for these values of the configuration.", cards)


def _scenario_section(comparison: ArmComparison) -> Section:
    cards = []
    for name, task in comparison.tasks.items():
        metric = metric_headings(task.kind)[0]
        of_task = {
            arm: {scenario: found[name] for scenario, found in by_scenario.items() if name in found}
            for arm, by_scenario in comparison.by_scenario.items()
        }
        if any(of_task.values()):
            cards.append(Card(f"{name}: {metric}", interval_figure(of_task)))
    return Section("Scenarios", f"Differences from {comparison.baseline} within each scenario; better is right.", cards)


def _training_section(comparison: ArmComparison) -> Section:
    """The ranking losses of each arm's first run."""
    cards = []
    for task in comparison.tasks:
        figure = new_figure(x_title="step", y_title="")
        for position, (arm, runs) in enumerate(comparison.runs.items()):
            history = runs[0].history
            name = f"loss/{task}"
            if name not in history.columns:
                continue
            known = history[history[name].notna()].drop_duplicates("step", keep="last")
            kept = thinned_positions(known["step"].to_numpy(), MAX_POINTS)
            average = smoothed(known[name].to_numpy(dtype=float), span=max(5.0, SMOOTHING_SHARE * len(known)))
            line = {"color": colour(position), "width": 2}
            figure.add_scatter(x=known["step"].to_numpy()[kept], y=average[kept], name=arm, mode="lines", line=line)
        if figure.data:
            cards.append(Card(f"Loss: {task}", figure))
    return Section("Training", "Moving averages of the training losses, of each arm's first run.", cards)


def _summary_cell(metric: str, summary: SeedSummary, task: TaskConfig) -> str:
    text = metric_text(metric, summary.mean, task)
    if summary.standard_deviation:
        text += f" <span class='interval'>± {metric_text(metric, summary.standard_deviation, task)}</span>"
    return text


def _difference_cell(difference: PairedDifference | None) -> str:
    if difference is None:
        return ""
    worse = (difference.difference > 0) == (METRICS[difference.metric].better == "lower")
    kind = ("worse" if worse else "better") if difference.clear else ""
    interval = f"<span class='interval'>[{difference.low:+.4f}, {difference.high:+.4f}]</span>"
    return f"<span class='{kind}'>{difference.difference:+.4f}</span> {interval}"
