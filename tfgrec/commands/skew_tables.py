"""What tfgrec-skew found, for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from tfgrec.commands.fitting_table import NOTHING, print_fitting

_TOLD = 5


def print_skew(console: Console, found: Mapping[str, Any]) -> None:
    """Counts, the features that differ, the first values that do, and the largest differences of scores."""
    console.print(
        f"{found['requests']:,} requests, {found['candidates']:,} candidates: {found['same']:,} made again with the "
        f"same bytes, {found['different']:,} with others, {found['not_made']:,} could not be made"
    )
    if found["features"]:
        rows = [[name, f"{of['requests']:,}", _number(of["largest"])] for name, of in found["features"].items()]
        headings = ("feature", "requests", "largest difference")
        print_fitting(console, title="features that differ", headings=headings, texts=1, rows=rows)
    for of in found["differences"][:_TOLD]:
        place = "" if of["place"] is None else f", value {of['place']}"
        console.print(
            f"{of['request']} (user {of['user']}, time {of['time']}): {of['feature']}{place}: logged {of['logged']}, "
            f"now {of['now']}"
        )
    for of in found["not_made_because"][:_TOLD]:
        console.print(f"{of['request']}: {of['reason']}")
    kinds = [kind for kind, scores in found["scores"].items() if scores]
    if kinds:
        outputs = sorted({output for kind in kinds for output in found["scores"][kind]})
        rows = [[output, *(_number(found["scores"][kind].get(output)) for kind in kinds)] for output in outputs]
        headings = ("score", *(kind.replace("_", " ") for kind in kinds))
        print_fitting(console, title="largest differences of scores", headings=headings, texts=1, rows=rows)


def print_drift(console: Console, drift: Mapping[str, Mapping[str, Any]], *, title: str) -> None:
    """One row an output."""
    names = ("mean", "other_mean", "mean_change", "psi", "ks", "rank_correlation", "top_changed", "largest_change")
    rows = [[output, *(_number(of[name]) for name in names)] for output, of in sorted(drift.items())]
    headings = ("score", *(name.replace("_", " ") for name in names))
    print_fitting(console, title=title, headings=headings, texts=1, rows=rows)


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4g}"
