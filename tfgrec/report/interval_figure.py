"""A figure of differences and their intervals."""

from collections.abc import Mapping

import plotly.graph_objects as go

from tfgrec.metrics import PairedDifference
from tfgrec.report.style import REFERENCE, colour, new_figure


def interval_figure(differences: Mapping[str, Mapping[str, PairedDifference]]) -> go.Figure:
    """Differences with their intervals, {arm: {row: difference}}: one line a row, one colour an arm."""
    rows = list(dict.fromkeys(row for of_arm in differences.values() for row in of_arm))
    figure = new_figure(
        x_title="difference", y_title="", height=110 + 28 * max(1, len(differences)) * max(2, len(rows))
    )
    figure.add_vline(x=0, line={"color": REFERENCE, "dash": "dot", "width": 1})
    step = min(0.22, 0.8 / max(1, len(differences)))
    for position, (arm, of_arm) in enumerate(differences.items()):
        # Arms of one row lie beside each other, the first on top.
        offset = (len(differences) - 1) / 2 - position
        found = list(of_arm.values())
        figure.add_scatter(
            x=[one.difference for one in found],
            y=[len(rows) - 1 - rows.index(row) + step * offset for row in of_arm],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [one.high - one.difference for one in found],
                "arrayminus": [one.difference - one.low for one in found],
                "thickness": 2,
                "width": 5,
            },
            mode="markers",
            marker={"size": 9, "color": colour(position)},
            name=arm,
            customdata=[[one.baseline, one.treatment, one.low, one.high] for one in found],
            hovertemplate="%{x:+.5f} (%{customdata[2]:+.5f} to %{customdata[3]:+.5f})<br>"
            "%{customdata[0]:.5f} → %{customdata[1]:.5f}<extra>" + arm + "</extra>",
        )
    ticks = list(range(len(rows)))
    figure.update_yaxes(tickvals=ticks, ticktext=rows[::-1], range=[-0.6, len(rows) - 0.4], showgrid=False)
    return figure
