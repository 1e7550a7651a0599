"""Figures of how a training went: losses, their weights, coupling, speed."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from tfgrec.report.curves import smoothed, thinned_positions
from tfgrec.report.style import REFERENCE, Colours, add_reference_line, colour, colours_of, new_figure, translucent

MAX_POINTS = 600
# An average over this share of the logged steps is drawn over the raw values.
SMOOTHING_SHARE = 0.08
TOTAL = "loss"
# Where early stopping logs what it measured on its cut, as <metric>/<task>.
ON_CUT = "selection/"
COSINE = "Cosine of the two gradients on the encoder"
# The last word of a diagnostic's name -> the figure that it is drawn in.
_COUPLING = {
    "cosine": COSINE,
    "share": "Share of the gradient on the encoder",
    "norm": "Norms of the gradients on the encoder",
    "misalignment": "Misalignment: ranking's gradient on the frozen encoder over the auto-encoder's",
}


def loss_figures(history: pd.DataFrame, colours: Colours) -> dict[str, go.Figure]:
    """One figure a loss: raw values, faint, and their moving average. {name: figure}, the total first.

    With early stopping also the log loss on the cut, of the tasks that have one.
    """
    losses = _names(history, "loss/", colours)
    columns = {"total": TOTAL} if TOTAL in history.columns else {}
    figures = {}
    for name, column in {**columns, **{name: f"loss/{name}" for name in losses}}.items():
        figure = new_figure(x_title="step", y_title="", height=230)
        _add_smoothed(figure, history, column, colours.get(name, REFERENCE))
        on_cut = f"{ON_CUT}log_loss/{name}"
        if on_cut in history.columns:
            _add_lines(figure, history, {"on the cut": on_cut}, {"on the cut": REFERENCE}, markers=True)
        _mark_phases(figure, history)
        figures[name] = figure
    return figures


def cut_figures(history: pd.DataFrame, colours: Colours) -> dict[str, go.Figure]:
    """What early stopping measured besides log losses, {metric: figure} with a line a task; empty without it."""
    measured = [name.removeprefix(ON_CUT).split("/", 1) for name in history.columns if name.startswith(ON_CUT)]
    metrics = dict.fromkeys(metric for metric, *task in measured if task and metric != "log_loss")
    figures = {}
    for metric in metrics:
        tasks = _names(history, f"{ON_CUT}{metric}/", colours)
        figure = new_figure(x_title="step", y_title="", height=230)
        _add_lines(figure, history, {task: f"{ON_CUT}{metric}/{task}" for task in tasks}, colours, markers=True)
        _mark_phases(figure, history)
        figures[metric] = figure
    return figures


def weight_figure(history: pd.DataFrame, colours: Colours) -> go.Figure | None:
    """The weight of each loss over the steps; None where none was logged."""
    figure = new_figure(x_title="step", y_title="weight")
    weights = _names(history, "weight/", colours)
    _add_lines(figure, history, {name: f"weight/{name}" for name in weights}, colours)
    _mark_phases(figure, history)
    return figure if figure.data else None


def coupling_figures(history: pd.DataFrame) -> dict[str, go.Figure]:
    """Diagnostics of joint training, those of one unit in one figure: {title: figure}."""
    names = [name.removeprefix("coupling/") for name in history.columns if name.startswith("coupling/")]
    groups = {title: [name for name in names if name.endswith(kind)] for kind, title in _COUPLING.items()}
    groups["Other diagnostics"] = [name for name in names if not name.endswith(tuple(_COUPLING))]
    figures = {}
    for title, of_group in groups.items():
        if not of_group:
            continue
        figure = new_figure(x_title="step", y_title="")
        columns = {name: f"coupling/{name}" for name in sorted(of_group)}
        _add_lines(figure, history, columns, colours_of(columns), markers=True)
        if title == COSINE:
            steps = history["step"]
            add_reference_line(figure, [float(steps.min()), float(steps.max())], [0, 0])
        _mark_phases(figure, history)
        figures[title] = figure
    return figures


def representation_figures(history: pd.DataFrame) -> dict[str, go.Figure]:
    """Effective ranks of vectors, and for each task the fields' shares of its logit: {title: figure}."""
    groups = {"Effective rank": [name for name in history.columns if name.startswith("effective_rank/")]}
    for name in history.columns:
        if name.startswith("logit_share/"):
            task = name.split("/")[1]
            groups.setdefault(f"Shares of the logit: {task}", []).append(name)
    figures = {}
    for title, columns in groups.items():
        if columns:
            figures[title] = new_figure(x_title="step", y_title="")
            lines = {name.rsplit("/", 1)[1]: name for name in sorted(columns)}
            _add_lines(figures[title], history, lines, colours_of(lines), markers=True)
    return figures


def speed_figure(history: pd.DataFrame) -> go.Figure | None:
    """Requests a second, and the share of the time that steps waited for data; None where it was not logged."""
    if "requests_per_second" not in history.columns:
        return None
    figure = new_figure(x_title="step", y_title="requests / s", height=230)
    known = _known(history, "requests_per_second")
    figure.add_scatter(x=known["step"], y=known["requests_per_second"], name="requests / s", line={"color": colour(0)})
    if "input_wait_share" in history.columns:
        waits = _known(history, "input_wait_share")
        line = {"color": colour(1), "width": 1.5}
        figure.add_scatter(x=waits["step"], y=waits["input_wait_share"], name="waiting for data", line=line, yaxis="y2")
        axis = {"overlaying": "y", "side": "right", "range": [0, 1], "tickvals": [0, 0.5, 1], "tickformat": ".0%"}
        figure.update_layout(yaxis2={**axis, "showgrid": False}, margin={"r": 48})
    figure.update_layout(yaxis={"rangemode": "tozero"})
    return figure


def _add_smoothed(figure: go.Figure, history: pd.DataFrame, name: str, of: str) -> None:
    for _, phase in _by_phase(_known(history, name)):
        steps, values = phase["step"].to_numpy(), phase[name].to_numpy(dtype=float)
        average = smoothed(values, span=max(5.0, SMOOTHING_SHARE * len(values)))
        kept = thinned_positions(steps, MAX_POINTS)
        faint = {"color": translucent(of, 0.3), "width": 1}
        figure.add_scatter(x=steps[kept], y=values[kept], line=faint, hoverinfo="skip", showlegend=False, mode="lines")
        hover = "step %{x}<br>%{y:.4f}<extra>moving average</extra>"
        bold = {"color": of, "width": 2}
        figure.add_scatter(
            x=steps[kept], y=average[kept], line=bold, hovertemplate=hover, showlegend=False, mode="lines"
        )


def _add_lines(
    figure: go.Figure,
    history: pd.DataFrame,
    columns: Mapping[str, str],
    colours: Colours,
    *,
    markers: bool = False,
) -> None:
    """One line for each of {name: column}."""
    for name, column in columns.items():
        known = _known(history, column)
        kept = thinned_positions(known["step"].to_numpy(), MAX_POINTS)
        figure.add_scatter(
            x=known["step"].to_numpy()[kept],
            y=known[column].to_numpy(dtype=float)[kept],
            name=name,
            mode="lines+markers" if markers else "lines",
            marker={"size": 5},
            line={"color": colours.get(name, REFERENCE), "width": 2},
            hovertemplate="step %{x}<br>%{y:.4f}<extra>" + name + "</extra>",
        )


def _names(history: pd.DataFrame, prefix: str, order: Colours) -> list[str]:
    """The names after `prefix` in the history's columns: those of `order` first, in that order."""
    found = sorted(name.removeprefix(prefix) for name in history.columns if name.startswith(prefix))
    return [name for name in order if name in found] + [name for name in found if name not in order]


def _mark_phases(figure: go.Figure, history: pd.DataFrame) -> None:
    """A dotted vertical line, with the phase's name, where a phase begins within what is drawn."""
    first = min((min(trace.x) for trace in figure.data if len(trace.x)), default=np.inf)
    for name, phase in _by_phase(history):
        begin = phase["step"].iloc[0]
        if begin > first:
            line = {"color": REFERENCE, "dash": "dot", "width": 1}
            figure.add_vline(x=float(begin), line=line, annotation={"text": name, "font": {"size": 11}})


def _by_phase(history: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return list(history.groupby("phase", sort=False)) if len(history) else []


def _known(history: pd.DataFrame, name: str) -> pd.DataFrame:
    """The logged steps at which `name` was logged, step by step; a step logged twice counts once."""
    known = history.loc[np.isfinite(history[name].to_numpy(dtype=float)), ["step", "phase", name]]
    return known.drop_duplicates("step", keep="last").sort_values("step")
