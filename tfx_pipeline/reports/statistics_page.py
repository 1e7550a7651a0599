"""statistics.html: what the examples of each split hold, side by side."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from tfgrec.graph.schema import READOUT
from tfgrec.report.page import Card, Section, Tile, render_page
from tfgrec.report.style import Colours, colours_of
from tfx_pipeline.reports.feature_tables import Distances, feature_tables
from tfx_pipeline.reports.graph_sizes import graph_section
from tfx_pipeline.reports.split_statistics import SplitStatistics, is_distributed, is_feature, set_of

STATISTICS_PAGE = "statistics.html"

_REQUESTS = f"nodes/{READOUT}"


def statistics_page(
    *,
    title: str,
    splits: Sequence[SplitStatistics],
    labels: Sequence[str],
    distances: Distances,
    expansions: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The page as HTML.

    Args:
      title: of the page.
      splits: the first is the one that the others are compared with.
      labels: columns that are labels.
      distances: of the other splits from the first, by split and column.
      expansions: of the examples' manifest, if there is one.
    """
    colours = colours_of(split.name for split in splits)
    columns = list(dict.fromkeys(name for split in splits for name in split.columns))
    return render_page(
        title=title,
        overline="tfgrec examples",
        facts=[_period(split) for split in splits if split.times is not None],
        tiles=_tiles(splits, columns, distances),
        sections=[
            graph_section(splits, expansions, colours),
            *_feature_sections(columns, splits, labels, distances, colours),
        ],
    )


def _tiles(splits: Sequence[SplitStatistics], columns: Sequence[str], distances: Distances) -> list[Tile]:
    tiles = [
        Tile(f"requests · {split.name}", f"{split.requests:,}", f"{len(split.columns)} columns") for split in splits
    ]
    for split, of_split in distances.items():
        compared = {name: value for name, value in of_split.items() if is_distributed(name)}
        if compared:
            largest = max(compared, key=compared.__getitem__)
            tiles.append(Tile(f"largest distance · {split}", f"{compared[largest]:.3f}", largest))
    return tiles


def _feature_sections(
    columns: Sequence[str],
    splits: Sequence[SplitStatistics],
    labels: Sequence[str],
    distances: Distances,
    colours: Colours,
) -> list[Section]:
    """Labels, features of requests, of each node set, of each edge set."""
    groups: dict[str, list[str]] = {"Labels": [], "Requests": []}
    for name in sorted(filter(is_feature, columns), key=lambda column: (not column.startswith("nodes/"), column)):
        place = set_of(name)[0]
        own = (
            "Labels" if name in labels else "Requests" if place == _REQUESTS else place.replace("/", ": ").capitalize()
        )
        groups.setdefault(own, []).append(name)
    lead = f"Areas are {splits[0].name}; lines are " + ", ".join(split.name for split in splits[1:])
    shown = [name for name, of_group in groups.items() if of_group]
    return [
        Section(
            name,
            lead if len(splits) > 1 and name == shown[0] else "",
            [Card("", content, wide=True) for content in feature_tables(groups[name], splits, distances, colours)],
        )
        for name in shown
    ]


def _period(split: SplitStatistics) -> str:
    first, last = (datetime.fromtimestamp(time / 1000, timezone.utc) for time in split.times or (0, 0))
    return f"{split.name} {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
