"""One self-contained HTML page: style, script, the plotting library and the data of all figures are inside it."""

import dataclasses
import itertools
from collections.abc import Sequence
from html import escape
from importlib.resources import files

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs


@dataclasses.dataclass(frozen=True)
class Card:
    """A figure, or ready HTML, in a frame with a title."""

    title: str
    content: go.Figure | str
    note: str = ""
    wide: bool = False


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading, a sentence that says how to read what follows, and cards side by side."""

    title: str
    lead: str
    cards: Sequence[Card]
    columns: int = 3


@dataclasses.dataclass(frozen=True)
class Tile:
    """One number at the top of the page."""

    label: str
    value: str
    detail: str


def render_page(
    *, title: str, overline: str, facts: Sequence[str], tiles: Sequence[Tile], sections: Sequence[Section]
) -> str:
    """The whole page. Sections without cards are left out. Text is escaped; `Card.content` of type str is not."""
    numbers = itertools.count()
    shown = [section for section in sections if section.cards]
    body = "".join(_section(section, numbers) for section in shown)
    links = "".join(f"<a href='#{_anchor(section)}'>{escape(section.title)}</a>" for section in shown)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · tfgrec</title>
<style>{_asset("page.css")}</style>
<script>{get_plotlyjs()}</script>
</head>
<body>
<header>
<div class="top"><p class="overline">{escape(overline)}</p><button id="theme" type="button">Dark</button></div>
<h1>{escape(title)}</h1>
<p class="facts">{" · ".join(map(escape, facts))}</p>
<div class="tiles">{"".join(map(_tile, tiles))}</div>
<nav>{links}</nav>
</header>
<main>{body}</main>
<footer>Made by tfgrec. Everything on this page is inside this one file.</footer>
<script>{_asset("page.js")}</script>
</body>
</html>
"""


def _section(section: Section, numbers: "itertools.count[int]") -> str:
    cards = "".join(_card(card, numbers) for card in section.cards)
    lead = f"<p class='lead'>{escape(section.lead)}</p>" if section.lead else ""
    heading = f"<h2>{escape(section.title)}</h2>"
    grid = f"<div class='cards columns-{section.columns}'>{cards}</div>"
    return f"<section id='{_anchor(section)}'>{heading}{lead}{grid}</section>"


def _card(card: Card, numbers: "itertools.count[int]") -> str:
    heading = f"<h3>{escape(card.title)}</h3>" if card.title else ""
    note = f"<p class='note'>{escape(card.note)}</p>" if card.note else ""
    content = card.content if isinstance(card.content, str) else _figure(card.content, next(numbers))
    return f"<article class='card{' wide' if card.wide else ''}'>{heading}{note}{content}</article>"


def _figure(figure: go.Figure, number: int) -> str:
    # In a script element only "</" could end the data early.
    data = figure.to_json().replace("</", "<\\/")
    height = figure.layout.height
    return (
        f"<div class='figure' id='figure-{number}' style='height:{height}px'></div>"
        f"<script type='application/json' data-figure='figure-{number}'>{data}</script>"
    )


def _tile(tile: Tile) -> str:
    return (
        f"<div class='tile'><span class='label'>{escape(tile.label)}</span>"
        f"<span class='value'>{escape(tile.value)}</span><span class='detail'>{escape(tile.detail)}</span></div>"
    )


def _anchor(section: Section) -> str:
    return "-".join(section.title.lower().split())


def _asset(name: str) -> str:
    return (files("tfgrec.report") / "assets" / name).read_text(encoding="utf-8")
