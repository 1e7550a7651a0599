"""How large the sampled subgraphs are, set by set, and how much of the graph the fan-outs left out."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from tfgrec.report.page import Card, Section
from tfgrec.report.style import Colours, new_figure
from tfgrec.report.tables import MISSING, table
from tfx_pipeline.reports.feature_tables import percentage
from tfx_pipeline.reports.split_statistics import SIZE, SplitStatistics, common_statistics


def graph_section(
    splits: Sequence[SplitStatistics], expansions: Sequence[Mapping[str, Any]], colours: Colours
) -> Section:
    """Nodes and edges of a request.

    Args:
      splits: in the order of colours.
      expansions: of the examples' manifest: by hop and edge set what was looked at, and what was left; may be empty.
      colours: of the splits.
    """
    columns = [name for name in splits[0].columns if name.endswith(f".{SIZE}")]
    edges = [name for name in columns if name.startswith("edges/") and not name.startswith("edges/_readout/")]
    nodes = [name for name in columns if name.startswith("nodes/")]
    cards = []
    if edges:
        cards.append(Card("Edges of a request", _bars(edges, splits, colours, _mean, "mean edges", ".1f")))
        cards.append(Card("Requests without an edge", _bars(edges, splits, colours, _without, "share", ".0%")))
        cards.append(Card("Edges", _size_table("edge set", edges, splits, colours), wide=True))
    cards.append(Card("Nodes", _size_table("node set", nodes, splits, colours), wide=True))
    if expansions:
        note = "Of the nodes that a hop looked at, those with more visible edges than its fan-out took."
        cards.append(Card("Cut by the fan-outs", _cut_table(expansions), note=note, wide=True))
    return Section("Subgraphs", "What the sampler found for a request, by node set and edge set.", cards, columns=2)


def _bars(
    columns: Sequence[str], splits: Sequence[SplitStatistics], colours: Colours, told: Any, title: str, style: str
) -> go.Figure:
    names = [_set_name(column) for column in columns]
    figure = new_figure(x_title=title, y_title="", height=90 + 22 * len(names) * len(splits))
    for split in splits:
        values = [told(split, column) for column in columns]
        hover = f"%{{y}}: %{{x:{style}}}<extra>{escape(split.name)}</extra>"
        figure.add_bar(
            x=values,
            y=names,
            orientation="h",
            name=split.name,
            marker={"color": colours[split.name]},
            hovertemplate=hover,
        )
    figure.update_layout(barmode="group", bargap=0.3)
    figure.update_xaxes(tickformat=style, rangemode="tozero")
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def _mean(split: SplitStatistics, column: str) -> float | None:
    return split.columns[column].num_stats.mean if column in split.columns else None


def _without(split: SplitStatistics, column: str) -> float | None:
    if column not in split.columns:
        return None
    return split.columns[column].num_stats.num_zeros / max(common_statistics(split.columns[column]).tot_num_values, 1)


def _size_table(heading: str, columns: Sequence[str], splits: Sequence[SplitStatistics], colours: Colours) -> str:
    labels = "<br>".join(f"<span style='color:{colours[one.name]}'>{escape(one.name)}</span>" for one in splits)
    rows = [
        [
            escape(_set_name(column)),
            labels,
            *_lines(column, splits),
        ]
        for column in columns
    ]
    return table([heading, "split", "mean", "median", "largest", "requests without"], rows)


def _lines(column: str, splits: Sequence[SplitStatistics]) -> list[str]:
    """Cells of one line a split."""
    cells: list[list[str]] = [[], [], [], []]
    for split in splits:
        if column in split.columns:
            numbers = split.columns[column].num_stats
            told = [f"{numbers.mean:,.2f}", f"{numbers.median:,.0f}", f"{numbers.max:,.0f}"]
            told.append(percentage(numbers.num_zeros, common_statistics(split.columns[column]).tot_num_values))
        else:
            told = [MISSING] * len(cells)
        for cell, line in zip(cells, told, strict=True):
            cell.append(line)
    return ["<br>".join(cell) for cell in cells]


def _cut_table(expansions: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            escape(one["edge_set"]),
            str(one["hop"] + 1),
            f"{one['nodes']:,}",
            f"{one['visible']['total']:,}",
            percentage(one["taken"], one["visible"]["total"]),
            f"<span class='bar' style='--share:{one['truncated_share']:.3f}'>{one['truncated_share']:.1%}</span>",
        ]
        for one in expansions
    ]
    return table(["edge set", "hop", "nodes", "visible edges", "taken", "nodes cut"], rows)


def _set_name(column: str) -> str:
    return column.partition("/")[2].removesuffix(f".{SIZE}")
