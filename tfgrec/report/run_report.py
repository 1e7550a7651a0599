"""report.html of one run."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from tfgrec.config.model import TaskConfig
from tfgrec.files import write_atomically
from tfgrec.metrics import METRICS, metric_names
from tfgrec.report.page import Card, Section, Tile, render_page
from tfgrec.report.prediction_figures import calibration_figures, regression_figures, roc_figure
from tfgrec.report.run_results import RunResults
from tfgrec.report.style import Colours, colours_of
from tfgrec.report.tables import cold_start_table, definitions, metric_text, retrieval_table, scenario_table, task_table
from tfgrec.report.training_figures import (
    coupling_figures,
    cut_figures,
    loss_figures,
    representation_figures,
    speed_figure,
    weight_figure,
)

ARMS = {
    "joint": "joint training",
    "two_stage": "two stages",
    "frozen_encoder": "frozen encoder",
    "no_graph": "no graph",
}
# What a task's tile says besides the metric that it is judged by.
_BESIDE_THE_FIRST = ("log_loss", "calibration", "mae")


def write_report(run_dir: str | Path) -> Path:
    """Writes report.html of a trained and evaluated run; needs no network, and the same run gives the same file.

    Raises:
      InputDataError: config.yaml, metrics.json or predictions.parquet is missing in `run_dir`.
    """
    run = RunResults(run_dir)
    tasks = run.config.model.tasks
    page = render_page(
        title=run.config.name,
        overline=f"tfgrec run · {ARMS[run.config.arm]}",
        facts=_facts(run),
        tiles=[_tile(name, task, run.metrics["validation"][name]) for name, task in tasks.items()],
        sections=[
            _metrics_section("Metrics", "On the validation split.", run.metrics["validation"], run.metrics, tasks),
            _retrieval_section("Retrieval", "validation", run.metrics),
            *_test_sections(run),
            _predictions_section(run),
            _training_section(run),
            _joint_section(run),
            _configuration_section(run),
        ],
    )
    path = run.directory.report
    write_atomically(path, lambda file: file.write(page.encode("utf-8")))
    return path


def _facts(run: RunResults) -> list[str]:
    validation = run.metrics["validation"]
    facts = [f"{validation['requests']:,} validation requests", f"{validation['rows']:,} candidates"]
    if run.training:
        facts.append(f"{run.training['steps']:,} steps in {_duration(run.training['seconds'])}")
        if run.training.get("requests_per_second"):
            facts.append(f"{run.training['requests_per_second']:,.0f} requests/s")
    return facts


def _tile(name: str, task: TaskConfig, metrics: Mapping[str, Any]) -> Tile:
    first, *others = metric_names(task.kind)
    shown = [metric for metric in others if metric in _BESIDE_THE_FIRST]
    detail = ", ".join(f"{METRICS[metric].heading} {metric_text(metric, metrics[metric], task)}" for metric in shown)
    return Tile(f"{name} · {METRICS[first].heading}", metric_text(first, metrics[first], task), detail)


def _test_sections(run: RunResults) -> list[Section]:
    """What the test split says, under headings of its own; nothing without one."""
    found = run.metrics.get("test")
    if found is None:
        return []
    lead = (
        f"On the test split: {found['requests']:,} requests, {found['rows']:,} candidates, by which nothing was chosen."
    )
    return [
        _metrics_section("Test", lead, found, found, run.config.model.tasks),
        _retrieval_section("Test: retrieval", "test", found),
    ]


def _metrics_section(
    title: str, lead: str, of_part: Mapping[str, Any], slices: Mapping[str, Any], tasks: Mapping[str, TaskConfig]
) -> Section:
    """`of_part` are a part's metrics over all rows, `slices` has its `scenarios` and `cold_start`."""
    cards = [Card("", task_table(of_part, tasks, kind), wide=True) for kind in ("binary", "regression")]
    if slices["scenarios"]:
        by_scenario = scenario_table(of_part, slices["scenarios"], tasks)
        cards.append(Card("By scenario", by_scenario, note="Bars begin at chance, 0.5.", wide=True))
    # Runs of earlier versions have none.
    if cold_start := slices.get("cold_start"):
        note = "Of users and items that had an event before the request, as its record shows it, and that had none."
        cards.append(Card("Cold start", cold_start_table(cold_start, tasks), note=note, wide=True))
    cards.append(Card("", definitions(tasks), wide=True))
    return Section(title, lead, [card for card in cards if card.content])


def _retrieval_section(title: str, part: str, of_part: Mapping[str, Any]) -> Section:
    metrics = of_part.get("retrieval")
    if metrics is None:
        return Section(title, "", [])
    items = " and ".join(f"{count:,} of {node_set}" for node_set, count in metrics["items"].items())
    lead = (
        f"{metrics['requests']:,} {part} requests look for what their users wanted among all items, {items}, less "
        "those that the user had seen. Recall@k is the share of the wanted items among the first k, NDCG@k counts "
        "higher places for more. Popularity ranks items by the number of edges that lead to them."
    )
    return Section(title, lead, [Card("", retrieval_table(metrics), wide=True)])


def _predictions_section(run: RunResults) -> Section:
    tasks, predictions = run.config.model.tasks, run.predictions
    colours = colours_of_run(run)
    roc = roc_figure(predictions, tasks, colours)
    cards = [Card("ROC", roc, note="The area under each curve is in brackets.")] if roc is not None else []
    calibration_note = "Ten bins of equal size with 95% intervals; behind them, where predictions lie."
    for name, figure in calibration_figures(predictions, tasks, colours).items():
        cards.append(Card(f"{name}: calibration", figure, note=calibration_note))
    for name, figure in regression_figures(predictions, tasks, colours).items():
        cards.append(Card(f"{name}: predicted and observed", figure, note=_regression_note(tasks[name])))
    lead = "A calibrated prediction lies on the dotted diagonal. Hover over a point for its number of rows."
    return Section("Predictions", lead, cards, columns=2)


def _regression_note(task: TaskConfig) -> str:
    bins = "Ten bins of equal size: mean label, and the middle half of the labels."
    scale = {"log": "a log scale", "sqrt": "a scale of square roots"}.get(task.transform)
    if scale is None:
        return bins
    return (
        f"{bins} Learned on {scale}, predictions are nearer to the median: means of skewed labels lie above the "
        "diagonal."
    )


def _training_section(run: RunResults) -> Section:
    cards = [Card(f"Loss: {name}", figure) for name, figure in loss_figures(run.history, colours_of_run(run)).items()]
    on_cut = cut_figures(run.history, colours_of_run(run)).items()
    cards += [Card(f"On the cut: {METRICS[metric].heading}", figure) for metric, figure in on_cut]
    speed = speed_figure(run.history)
    if speed is not None:
        cards.append(Card("Speed", speed))
    lead = f"Faint: means between two logged steps. Bold: their moving average. {_selection_text(run)}"
    return Section("Training", lead.strip(), cards)


def _selection_text(run: RunResults) -> str:
    """What early stopping found, or nothing."""
    selection = run.training.get("selection")
    if selection is None:
        return ""
    refit = selection["refit_steps"]
    return (
        f"Early stopping measured the model {len(selection['measurements'])} times on the newest "
        f"{selection['held_out']:,} training requests, the cut. It was best after {selection['best_step']:,} steps of "
        f"that phase ({METRICS[selection['metric']].heading} {selection['best_value']:.4f}, a mean over tasks), "
        + (
            f"and was then trained anew on all requests for {refit:,} steps."
            if refit
            else "which is the trained model."
        )
    )


def _joint_section(run: RunResults) -> Section:
    weights = weight_figure(run.history, colours_of_run(run))
    note = {
        "gradnorm": "GradNorm moves them so that all losses train at a similar rate.",
        "fixed": "Fixed by the configuration.",
        "uncertainty": "Learned with the model, by each loss's uncertainty.",
        "gradnorm_mean": "Fixed at the mean weights of an earlier GradNorm training.",
    }[run.config.model.balancing.method]
    cards = [Card("Weights of the losses", weights, note=note)] if weights is not None else []
    figures = {**coupling_figures(run.history), **representation_figures(run.history)}
    cards += [Card(title, figure) for title, figure in figures.items()]
    lead = (
        "How ranking and the graph feature auto-encoder share the encoder, and whether their gradients agree; how many "
        "directions vectors use; and what shuffling a field among candidates does to a logit (a total-effect index)."
    )
    return Section("Joint training", lead, cards, columns=2)


def _configuration_section(run: RunResults) -> Section:
    text = f"<details><summary>config.yaml, defaults included</summary><pre>{escape(run.config_text)}</pre></details>"
    return Section("Configuration", "", [Card("", text, wide=True)])


def colours_of_run(run: RunResults) -> Colours:
    """The colour of each task and loss of a run, the same in all of its figures."""
    return colours_of([*run.config.model.tasks, "auto_encoder", "retrieval", "link_prediction"])


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
