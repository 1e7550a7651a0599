"""A figure of one metric in all slices of a slicing: the new model beside the blessed one."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from tfgrec.report.style import REFERENCE, new_figure, translucent
from tfx_pipeline.evaluation.threshold_checks import Measured


def slice_figure(parts: Mapping[str, Measured], *, title: str, colour: str, factor: float = 1.0) -> go.Figure | None:
    """One line a slice, the first on top; None where the metric is defined in none.

    Where the gain has an interval, a bar shows it, laid off from the blessed model: a bar that misses the blessed model
    is a difference that is more than chance.

    Args:
      parts: slice -> the metric in it, which is better when higher.
      title: of the axis.
      colour: of the task.
      factor: from the metric to the unit in which it is shown.
    """
    known = {part: measured for part, measured in parts.items() if measured.candidate is not None}
    if not known:
        return None
    figure = new_figure(x_title=title, y_title="", height=110 + 28 * max(2, len(known)))
    names = list(known)[::-1]
    compared = [part for part in names if known[part].baseline is not None]
    if compared:
        figure.add_scatter(
            x=[factor * known[part].baseline for part in compared],
            y=[names.index(part) for part in compared],
            name="blessed model",
            mode="markers",
            marker={"size": 11, "symbol": "circle-open", "color": REFERENCE, "line": {"width": 2}},
            hovertemplate="%{x:.4f}<extra>blessed model</extra>",
        )
    figure.add_scatter(
        x=[factor * known[part].candidate for part in names],
        y=list(range(len(names))),
        name="this model",
        mode="markers",
        marker={"size": 9, "color": colour},
        error_x=_gain_bars([known[part] for part in names], colour, factor),
        hovertemplate="%{x:.4f}<extra>this model</extra>",
    )
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, range=[-0.6, len(names) - 0.4])
    return figure


def _gain_bars(measured: Sequence[Measured], colour: str, factor: float) -> dict[str, Any]:
    """The way from each new model's value to the ends of its gain's interval; zero where there is none."""
    ways = [
        (0.0, 0.0) if one.interval is None else (one.interval.high - one.difference, one.difference - one.interval.low)
        for one in measured
    ]
    above, below = ([max(0.0, factor * way[side]) for way in ways] for side in (0, 1))
    return {
        "type": "data",
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "color": translucent(colour, 0.45),
        "thickness": 3,
        "width": 0,
    }
