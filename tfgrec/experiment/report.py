"""experiment.html: one page of an experiment, of experiment.json alone."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from tfgrec.experiment.experiment_metrics import HEADLINE, METRICS, Metric
from tfgrec.experiment.off_policy_table import off_policy_rows
from tfgrec.experiment.trials_section import trials_section
from tfgrec.files import write_atomically
from tfgrec.metrics import PairedDifference
from tfgrec.report.interval_figure import interval_figure
from tfgrec.report.page import Card, Section, Tile, render_page
from tfgrec.report.style import REFERENCE, colour, new_figure, translucent
from tfgrec.report.tables import MISSING, table

Results = Mapping[str, Any]


def write_experiment_report(results: Results, path: Path) -> None:
    """Writes the page; whole or not at all."""
    users = sum(results["users"].values())
    page = render_page(
        title=results["name"],
        overline="online experiment",
        facts=[
            f"{len(results['users'])} arms",
            f"{results['days']} days after {results['pre_days']}",
            f"{users:,} users",
            f"baseline {results['baseline']}",
            f"seed {results['seed']}",
        ],
        tiles=[*_tiles(results), _split_tile(results)],
        sections=[
            Section(
                "Differences",
                f"Percent of {results['baseline']}'s. Plain: one look, at the end. CUPED: less what users brought "
                "along from before. Always valid: holds at every day's look. Coloured: the interval leaves out zero.",
                [Card("", _headline(results, HEADLINE), wide=True), Card("", _headline(results, _rest()), wide=True)],
            ),
            _curves(results),
            _segments(results),
            _shown(results),
            _truth(results),
            _guard_rails(results),
            _cost(results),
            _off_policy(results),
            trials_section(results.get("trials")),
        ],
    )
    write_atomically(path, lambda file: file.write(page.encode("utf-8")))


def _rest() -> tuple[str, ...]:
    return tuple(metric.name for metric in METRICS if metric.name not in HEADLINE)


def _tiles(results: Results) -> list[Tile]:
    chosen = [_metric(name) for name in HEADLINE[:2]]
    return [
        Tile(
            f"{arm}: {metric.title}",
            percent(results["differences"][arm][metric.name]["relative"]),
            interval(results["differences"][arm][metric.name]),
        )
        for arm in results["differences"]
        for metric in chosen
    ]


def _split_tile(results: Results) -> Tile:
    found = ", ".join(f"{arm} {count:,}" for arm, count in results["users"].items())
    return Tile("sample ratio", f"p = {results['sample_ratio']['p_value']:.2g}", found)


def _headline(results: Results, names: tuple[str, ...]) -> str:
    rows = []
    for name in names:
        metric = _metric(name)
        rows.append([escape(metric.title), *_base_cells(results, metric), "", "", "", ""])
        for arm, of_arm in results["differences"].items():
            found = of_arm[name]
            rows.append(
                [
                    f"&emsp;{escape(arm)}",
                    number(results["arms"][arm][name]["mean"]),
                    difference_cell(metric, found),
                    difference_cell(metric, found["cuped"]),
                    _share(found["cuped"]["variance_taken_off"]),
                    difference_cell(metric, found["sequential"]),
                ]
            )
    return table(["", "mean", "plain", "CUPED", "variance taken off", "always valid"], rows)


def _base_cells(results: Results, metric: Metric) -> list[str]:
    mean = results["arms"][results["baseline"]][metric.name]["mean"]
    return [f"{number(mean)} {metric.unit}".rstrip()]


def _curves(results: Results) -> Section:
    cards = []
    for name in HEADLINE:
        figure = new_figure(x_title="day", y_title="%")
        figure.add_hline(y=0, line={"color": REFERENCE, "dash": "dot", "width": 1})
        for position, (arm, of_arm) in enumerate(results["curves"].items()):
            _band(figure, arm, of_arm[name], colour(position))
        cards.append(Card(_metric(name).title, figure))
    lead = "All days until then together. Bands: intervals that hold at every look; bars: plain ones."
    return Section("Day by day", lead, cards, columns=2)


def _band(figure: go.Figure, arm: str, looks: list[Mapping[str, Any]], line: str) -> None:
    looks = [(day, look) for day, look in enumerate(looks, start=1) if look["low"] is not None]
    days = [day for day, _ in looks]
    begun = [(day, look["sequential"]) for day, look in looks if look["sequential"]["low"] is not None]
    valid = [one for _, one in begun]
    figure.add_scatter(
        x=[*(day for day, _ in begun), *(day for day, _ in begun[::-1])],
        y=[*(one["high"] for one in valid), *(one["low"] for one in valid[::-1])],
        fill="toself",
        fillcolor=translucent(line, 0.15),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )
    bars = {"type": "data", "array": [look["high"] - look["relative"] for _, look in looks], "width": 3}
    means = [look["relative"] for _, look in looks]
    figure.add_scatter(x=days, y=means, error_y=bars, name=arm, line={"color": line}, mode="lines+markers")


def _segments(results: Results) -> Section:
    cards = []
    for metric in (_metric("stay_duration"), _metric("skip_share")):
        found: dict[str, dict[str, PairedDifference]] = {}
        for segment, by_arm in results["segments"].items():
            for arm, of_arm in by_arm.items():
                one = of_arm[metric.name]
                if one["low"] is not None:
                    found.setdefault(arm, {})[segment] = PairedDifference(
                        metric.name, one["baseline"], one["treatment"], one["relative"], one["low"], one["high"]
                    )
        if found:
            cards.append(Card(f"{metric.title}, %", interval_figure(found)))
    lead = f"Percent of {results['baseline']}'s, plain intervals. Cold users were not there before the experiment."
    return Section("Scenarios, cold and warm users", lead, cards, columns=2)


def _shown(results: Results) -> Section:
    names = list(next(iter(results["shown"].values())))
    rows = [[escape(arm), *(number(values[name]) for name in names)] for arm, values in results["shown"].items()]
    lead = "Shares of the catalogue and of impressions; popularity and age are the world's own."
    return Section("What was shown", lead, [Card("", table(["arm", *(n.replace("_", " ") for n in names)], rows))], 1)


def _truth(results: Results) -> Section:
    rows = []
    for arm, of_arm in results["truth"].items():
        for name in HEADLINE:
            if name not in of_arm:
                continue
            found = results["differences"][arm][name]
            held = [_holds(one, of_arm[name]["relative"]) for one in (found, found["cuped"], found["sequential"])]
            rows.append(
                [
                    f"{escape(arm)}, {escape(_metric(name).title)}",
                    percent(of_arm[name]["relative"]),
                    interval(found),
                    *held,
                ]
            )
    headings = ["", "truth", "estimate", "in plain", "in CUPED", "in always valid"]
    lead = "What the arms would do if each served everybody, in worlds with the same people and the same chance."
    return Section("Truth", lead, [Card("", table(headings, rows))] if rows else [], 1)


def _holds(found: Mapping[str, Any], truth: float) -> str:
    if found["low"] is None:
        return MISSING
    return "yes" if found["low"] <= truth <= found["high"] else "no"


def _off_policy(results: Results) -> Section:
    found = results.get("off_policy", {})
    rows = off_policy_rows(found)
    if not rows:
        return Section("Before the experiment", "", [])
    headings = ["policy, estimator", "truth", "estimate", "interval", "error", "effective choices"]
    lead = (
        f"What the pre-period's log alone says of policies: {found['reward']}. Propensities are the logging policy's "
        f"own, from {found['least_propensity']:.2g} on; below {found['floor']:g} they count as that."
    )
    return Section("Before the experiment", lead, [Card("", table(headings, rows))], 1)


def _guard_rails(results: Results) -> Section:
    rows = [
        [
            f"{escape(arm)}, {rail.replace('_', ' ')}",
            number(found["value"]),
            number(found["limit"]),
            "kept" if found["kept"] else "<span class='worse'>broken</span>",
        ]
        for arm, rails in results["guard_rails"].items()
        for rail, found in rails.items()
    ]
    lead = "The worst day's or night's: milliseconds of a call at the 99th percentile, failed requests, calibration."
    cards = [Card("", table(["", "value", "limit", ""], rows))] if rows else []
    return Section("Guard rails", lead, cards, 1)


def _cost(results: Results) -> Section:
    names = list(next(iter(results["cost"].values()), {}))
    rows = [[escape(arm), *(_plain(values[name]) for name in names)] for arm, values in results["cost"].items()]
    cards = [Card("", table(["arm", *(name.replace("_", " ") for name in names)], rows))] if rows else []
    return Section("Cost", "Of all days and nights; graph and records are those of all arms that share logs.", cards, 1)


def _plain(value: float | str) -> str:
    return escape(value) if isinstance(value, str) else number(value)


def difference_cell(metric: Metric, found: Mapping[str, Any]) -> str:
    """A difference with its interval, coloured where it leaves out zero."""
    if found["low"] is None:
        return MISSING
    kind = ""
    if metric.better != "neither" and (found["low"] > 0 or found["high"] < 0):
        kind = "better" if (found["relative"] > 0) == (metric.better == "higher") else "worse"
    return f"<span class='{kind}'>{percent(found['relative'])}</span> <span class='interval'>{interval(found)}</span>"


def percent(value: float | None) -> str:
    """A relative difference as people read it."""
    return MISSING if value is None else f"{value:+.2f}%"


def interval(found: Mapping[str, Any]) -> str:
    """The interval of a relative difference."""
    return MISSING if found["low"] is None else f"[{found['low']:+.2f}, {found['high']:+.2f}]"


def number(value: float | None) -> str:
    """A number in as many digits as tell something."""
    if value is None:
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{100 * value:.0f}%"


def _metric(name: str) -> Metric:
    return next(metric for metric in METRICS if metric.name == name)
