"""The part of the report that says whether the intervals can be trusted."""

from collections.abc import Mapping
from typing import Any

from tfgrec.report.page import Card, Section
from tfgrec.report.style import REFERENCE, colour, new_figure
from tfgrec.report.tables import table

KINDS = {"plain": "plain", "cuped": "CUPED", "sequential": "always valid", "peeked": "plain, looked at each day"}


def trials_section(trials: Mapping[str, Any] | None) -> Section:
    """False positives, and the power at effects that are known; without cards where no trials were made."""
    if trials is None:
        return Section("Trials", "", [])
    low, high = (100 * bound for bound in trials["expected"])
    rows = [
        [name.replace("_", " "), *(f"{100 * shares[kind]:.1f}%" for kind in KINDS)]
        for name, shares in trials["false_positives"].items()
    ]
    cards = [Card("Without an effect", table(["clear differences", *KINDS.values()], rows), wide=True)]
    for name in trials["false_positives"]:
        cards.append(Card(f"Power: {name.replace('_', ' ')}", _power(trials, name)))
    lead = (
        f"{trials['experiments']} experiments of {trials['users']} users and {trials['days']} days with a known "
        f"truth. By chance, {low:.1f}% to {high:.1f}% of those without an effect are clear for plain and CUPED; always "
        "valid intervals may be clear less often."
    )
    return Section("Trials", lead, cards, columns=2)


def _power(trials: Mapping[str, Any], name: str) -> Any:
    figure = new_figure(x_title="true effect, %", y_title="clear, %")
    figure.add_hline(y=5, line={"color": REFERENCE, "dash": "dot", "width": 1})
    for position, (kind, title) in enumerate(KINDS.items()):
        if kind == "peeked":
            continue
        points = [(abs(one[name]["truth"]), 100 * one[name][kind]) for one in trials["power"]]
        x, y = zip(*points, strict=True)
        figure.add_scatter(x=x, y=y, name=title, mode="lines+markers", line={"color": colour(position)})
    return figure
