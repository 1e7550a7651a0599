"""A figure of one metric in all slices of a slicing: the new model beside the blessed one."""

from collections.abc import Mapping

import plotly.graph_objects as go

from tfgrec.report.style import REFERENCE, new_figure
from tfx_pipeline.evaluation.threshold_checks import Measured


def slice_figure(parts: Mapping[str, Measured], *, title: str, colour: str, factor: float = 1.0) -> go.Figure | None:
    """One line a slice, the first on top; None where the metric is defined in none.

    Args:
      parts: slice -> the metric in it.
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
        hovertemplate="%{x:.4f}<extra>this model</extra>",
    )
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, range=[-0.6, len(names) - 0.4])
    return figure
