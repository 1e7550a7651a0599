"""Small drawings of distributions, for the cells of a table: SVG, light enough to have hundreds on a page."""

import numpy as np

from tfgrec.report.style import Colours, translucent
from tfx_pipeline.reports.binned_shares import BinnedShares

_WIDTH, _HEIGHT = 150, 36


def distribution_drawing(binned: BinnedShares, splits: list[str], colours: Colours) -> str:
    """The first split's distribution as an area, the others' as lines over it."""
    tallest = max(float(binned.shares.max()), 1e-9)
    outlines = [_outline(shares / tallest) for shares in binned.shares]
    area = (
        f"<path d='M0,{_HEIGHT} L{outlines[0]} L{_WIDTH},{_HEIGHT} Z' fill='{translucent(colours[splits[0]], 0.35)}'/>"
    )
    lines = "".join(
        f"<path d='M{outline}' fill='none' stroke='{colours[split]}' stroke-width='1.4'/>"
        for split, outline in list(zip(splits, outlines, strict=True))[1:]
    )
    scale = ", logarithmic" if binned.logarithmic else ""
    title = f"<title>{binned.low:,.4g} to {binned.high:,.4g}{scale}</title>"
    size = f"width='{_WIDTH}' height='{_HEIGHT}' viewBox='0 0 {_WIDTH} {_HEIGHT}'"
    return f"<svg {size} role='img' style='display:block'>{title}{area}{lines}</svg>"


def _outline(heights: np.ndarray) -> str:
    """Steps over the bins, from left to right, as points of a path."""
    lefts = np.arange(len(heights)) * _WIDTH / len(heights)
    rights = lefts + _WIDTH / len(heights)
    tops = (1 - heights) * (_HEIGHT - 2) + 1
    return " L".join(
        f"{left:.0f},{top:.1f} L{right:.0f},{top:.1f}" for left, right, top in zip(lefts, rights, tops, strict=True)
    )
