"""Colours and layouts that all figures share; the page's script puts in what differs between light and dark."""

from collections.abc import Iterable, Mapping

import plotly.graph_objects as go

# Told apart by people with the common kinds of colour blindness, and clear on white and on near-black.
PALETTE = ("#3b7ddd", "#e8833a", "#2f9e6e", "#b65fcf", "#d9486a", "#0f9fb0", "#a08324", "#7a7fd6")
REFERENCE = "#8b93a1"

# The colour of each task and loss.
Colours = Mapping[str, str]


def colour(position: int) -> str:
    """The colour of a series."""
    return PALETTE[position % len(PALETTE)]


def colours_of(names: Iterable[str]) -> Colours:
    """One colour a name, by its place in the order given: pass the same order to get the same colours everywhere."""
    return {name: colour(position) for position, name in enumerate(names)}


def translucent(hex_colour: str, opacity: float) -> str:
    """A colour for bands and faint lines."""
    red, green, blue = (int(hex_colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def new_figure(*, x_title: str, y_title: str, height: int = 300) -> go.Figure:
    """An empty figure in the report's style; fonts, grid and background are set on the page."""
    figure = go.Figure()
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 56, "r": 16, "t": 12, "b": 44},
        hovermode="closest",
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
        xaxis={"title": {"text": x_title, "standoff": 8}, "zeroline": False, "automargin": True},
        yaxis={"title": {"text": y_title, "standoff": 8}, "zeroline": False, "automargin": True},
    )
    return figure


def add_reference_line(figure: go.Figure, x: list[float], y: list[float]) -> None:
    """A dotted grey line to compare with, such as the diagonal."""
    line = {"color": REFERENCE, "dash": "dot", "width": 1}
    figure.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)
