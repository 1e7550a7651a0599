"""Figures of how good the predictions are: ROC curves, calibration, predicted against observed."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from tfgrec.config.model import TaskConfig
from tfgrec.metrics import METRICS
from tfgrec.metrics.evaluation import task_rows
from tfgrec.report.curves import calibration_bins, regression_bins, roc_curve
from tfgrec.report.style import Colours, add_reference_line, new_figure, translucent
from tfgrec.report.units import display_unit

HISTOGRAM_BINS = 40

Tasks = Mapping[str, TaskConfig]


def roc_figure(predictions: pd.DataFrame, tasks: Tasks, colours: Colours) -> go.Figure | None:
    """ROC curves of all binary tasks that have both labels; None where there is none."""
    figure = new_figure(x_title="false positive rate", y_title="true positive rate")
    add_reference_line(figure, [0, 1], [0, 1])
    for name, task in tasks.items():
        if task.kind != "binary":
            continue
        rows = task_rows(predictions, name)
        area = METRICS["auc"].value(rows)
        if area is None:
            continue
        false_rate, true_rate = roc_curve(rows.labels, rows.scores)
        figure.add_scatter(
            x=false_rate,
            y=true_rate,
            name=f"{name} ({area:.4f})",
            mode="lines",
            line={"color": colours[name], "width": 2},
            hovertemplate="%{x:.3f} false, %{y:.3f} true<extra>" + name + "</extra>",
        )
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(range=[0, 1.01])
    return figure if len(figure.data) > 1 else None


def calibration_figures(predictions: pd.DataFrame, tasks: Tasks, colours: Colours) -> dict[str, go.Figure]:
    """Per binary task: observed rates in quantile bins of the prediction, over a histogram of all predictions."""
    figures = {}
    for name, task in tasks.items():
        rows = task_rows(predictions, name)
        labels, scores = rows.labels, rows.scores
        if task.kind != "binary" or len(labels) == 0:
            continue
        bins = calibration_bins(labels, scores)
        figure = new_figure(x_title="mean prediction", y_title="observed rate")
        top = 1.08 * float(max(bins.predictions.max(), bins.high.max()))
        _add_histogram(figure, scores, top, colours[name])
        add_reference_line(figure, [0, top], [0, top])
        errors = {"array": bins.high - bins.labels, "arrayminus": bins.labels - bins.low}
        figure.add_scatter(
            x=bins.predictions,
            y=bins.labels,
            mode="lines+markers",
            line={"color": colours[name], "width": 2},
            marker={"size": 7},
            error_y={"type": "data", "symmetric": False, "thickness": 1, "width": 3, **errors},
            customdata=bins.counts,
            hovertemplate="predicted %{x:.4f}<br>observed %{y:.4f}<br>%{customdata:,} rows<extra></extra>",
            showlegend=False,
        )
        figure.update_xaxes(range=[0, top])
        figure.update_layout(yaxis={"range": [0, top]})
        figures[name] = figure
    return figures


def regression_figures(predictions: pd.DataFrame, tasks: Tasks, colours: Colours) -> dict[str, go.Figure]:
    """Per regression task: mean label in quantile bins of the prediction, and the middle half of the labels."""
    figures = {}
    for name, task in tasks.items():
        rows = task_rows(predictions, name)
        labels, scores = rows.labels, rows.scores
        if task.kind != "regression" or len(labels) == 0:
            continue
        scale, unit = display_unit(task.label)
        of_unit = f" ({unit})" if unit else ""
        bins = regression_bins(labels * scale, scores * scale)
        figure = new_figure(x_title=f"mean prediction{of_unit}", y_title=f"observed{of_unit}")
        band = translucent(colours[name], 0.18)
        around = np.concatenate([bins.predictions, bins.predictions[::-1]])
        edges = np.concatenate([bins.high, bins.low[::-1]])
        no_line = {"line": {"width": 0}, "mode": "lines", "hoverinfo": "skip"}
        figure.add_scatter(x=around, y=edges, fill="toself", fillcolor=band, name="middle half", **no_line)
        longest = float(max(bins.predictions.max(), bins.labels.max()))
        add_reference_line(figure, [0, longest], [0, longest])
        figure.add_scatter(
            x=bins.predictions,
            y=bins.labels,
            name="mean",
            mode="lines+markers",
            line={"color": colours[name], "width": 2},
            marker={"size": 7},
            customdata=bins.counts,
            hovertemplate="predicted %{x:.2f}<br>observed %{y:.2f}<br>%{customdata:,} rows<extra></extra>",
        )
        figures[name] = figure
    return figures


def _add_histogram(figure: go.Figure, scores: np.ndarray, top: float, of: str) -> None:
    """All predictions' distribution, faint, on an axis of its own that keeps it in the lower third."""
    counts, edges = np.histogram(scores, bins=HISTOGRAM_BINS, range=(0, top))
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        width=np.diff(edges),
        marker={"color": translucent(of, 0.16), "line": {"width": 0}},
        yaxis="y2",
        hovertemplate="%{y:,} predictions near %{x:.3f}<extra></extra>",
        showlegend=False,
    )
    hidden = {"overlaying": "y", "side": "right", "visible": False, "range": [0, 3 * max(int(counts.max()), 1)]}
    figure.update_layout(yaxis2=hidden, bargap=0)
