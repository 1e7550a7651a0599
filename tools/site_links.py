"""A hook of mkdocs: links that lead out of docs/ become paths, since the site holds docs/ alone."""

from __future__ import annotations

import re

_OUTWARD = re.compile(r"\[([^\]]+)\]\(\.\./([^)\s]+)\)")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Called by mkdocs with the text of each page."""
    return without_outward_links(markdown)


def without_outward_links(markdown: str) -> str:
    """`[the demo](../configs/demo.yaml)` -> the demo (`configs/demo.yaml`)."""
    return _OUTWARD.sub(lambda link: _told(link[1], link[2]), markdown)


def _told(text: str, path: str) -> str:
    return f"`{path}`" if text.strip("`") == path else f"{text} (`{path}`)"
