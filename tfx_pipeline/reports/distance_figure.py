"""A figure of how far features lie apart, and how far they may."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from tfgrec.report.style import REFERENCE, colour, new_figure
from tfx_pipeline.data_validation.validation import Distance

_BAD = "#d9486a"


def allowed_figure(distances: Sequence[Distance]) -> go.Figure:
    """Bars of the distances that a validator compared with what is allowed; those that are too far are red."""
    ordered = sorted(distances, key=lambda one: -one.value / one.allowed)
    names = [one.feature for one in ordered]
    figure = new_figure(x_title="distance", y_title="", height=90 + 26 * max(2, len(names)))
    figure.add_bar(
        x=[one.value for one in ordered],
        y=names,
        orientation="h",
        marker={"color": [_BAD if one.value > one.allowed else colour(0) for one in ordered]},
        customdata=[[one.measure, one.allowed] for one in ordered],
        hovertemplate="%{x:.4f}, allowed %{customdata[1]:.4f}<br>%{customdata[0]}<extra>%{y}</extra>",
        showlegend=False,
    )
    figure.add_scatter(
        x=[one.allowed for one in ordered],
        y=names,
        mode="markers",
        name="allowed",
        marker={"symbol": "line-ns", "size": 16, "line": {"width": 2, "color": REFERENCE}},
        hoverinfo="skip",
    )
    return _finished(figure)


def measured_figure(distances: Mapping[str, float], *, most: int) -> go.Figure:
    """Bars of the largest distances, at most `most` of them, whatever is allowed."""
    ordered = sorted(distances.items(), key=lambda item: -item[1])[:most]
    figure = new_figure(x_title="distance", y_title="", height=90 + 18 * max(2, len(ordered)))
    figure.add_bar(
        x=[value for _, value in ordered],
        y=[name for name, _ in ordered],
        orientation="h",
        marker={"color": colour(0)},
        hovertemplate="%{x:.4f}<extra>%{y}</extra>",
        showlegend=False,
    )
    return _finished(figure)


def _finished(figure: go.Figure) -> go.Figure:
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(autorange="reversed", showgrid=False, tickfont={"size": 11})
    return figure
