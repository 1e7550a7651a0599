"""anomalies.html: what validators found wrong with the examples, where, and how far from what is allowed."""

from collections.abc import Mapping, Sequence
from html import escape

from tfgrec.report.page import Card, Section, Tile, render_page
from tfgrec.report.tables import table
from tfx_pipeline.data_validation.validation import Validation
from tfx_pipeline.reports.distance_figure import allowed_figure, measured_figure
from tfx_pipeline.reports.split_statistics import is_distributed

_MOST_BARS = 40
_WHOLE_SPLIT = "<em>all of it</em>"


def anomalies_page(
    *, title: str, validations: Sequence[Validation], distances: Mapping[str, Mapping[str, float]], baseline: str
) -> str:
    """The page as HTML.

    Args:
      title: of the page.
      validations: what each validator found.
      distances: of all features of a split from those of `baseline`, by split and column, allowed or not.
      baseline: a split's name.
    """
    found = sum(len(validation.anomalies) for validation in validations)
    return render_page(
        title=title,
        overline="tfgrec anomalies",
        facts=[f"{found} anomalies" if found else "no anomaly"],
        tiles=[_tile(validation) for validation in validations],
        sections=[
            Section("Anomalies", _lead(found), [Card("", _anomaly_table(validations), wide=True)]),
            _allowed_section(validations),
            _measured_section(distances, baseline),
        ],
    )


def _tile(validation: Validation) -> Tile:
    compared = f"{len(validation.distances)} distributions compared" if validation.distances else ""
    return Tile(validation.name, str(len(validation.anomalies)), compared)


def _lead(found: int) -> str:
    return "No model is trained on these examples until they are gone." if found else ""


def _anomaly_table(validations: Sequence[Validation]) -> str:
    rows = [
        [escape(one.feature) or _WHOLE_SPLIT, escape(one.split), escape(validation.name), _reason(one.reason)]
        for validation in validations
        for one in validation.anomalies
    ]
    return table(["feature", "split", "validation", "reason"], rows) if rows else "<p>Nothing was found.</p>"


def _reason(text: str) -> str:
    return f"<div class='worse' style='white-space:normal;text-align:left'>{escape(text)}</div>"


def _allowed_section(validations: Sequence[Validation]) -> Section:
    lead = "Bounded by the configuration: L-infinity distance of text, Jensen-Shannon divergence of numbers."
    cards = []
    for validation in validations:
        for split, baseline in dict.fromkeys((one.split, one.baseline) for one in validation.distances):
            of_pair = [one for one in validation.distances if (one.split, one.baseline) == (split, baseline)]
            cards.append(Card(f"{validation.name}: {split} from {baseline}", allowed_figure(of_pair), wide=True))
    return Section("Distances and what is allowed", lead, cards)


def _measured_section(distances: Mapping[str, Mapping[str, float]], baseline: str) -> Section:
    lead = "Of all features, bounded or not: what is usual between these splits tells which bounds make sense."
    cards = [
        Card(f"{split} from {baseline}", measured_figure(of_features, most=_MOST_BARS), wide=True)
        for split, of_split in distances.items()
        if (of_features := {column: value for column, value in of_split.items() if is_distributed(column)})
    ]
    return Section("All distances", lead, cards)
