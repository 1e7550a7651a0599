"""Tables of a set's features: what each split holds of them, under one another."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

from tensorflow_metadata.proto.v0.statistics_pb2 import FeatureNameStatistics, Histogram

from tfgrec.report.style import Colours
from tfgrec.report.tables import MISSING, table
from tfx_pipeline.reports.binned_shares import binned_shares
from tfx_pipeline.reports.distribution_drawing import distribution_drawing
from tfx_pipeline.reports.split_statistics import (
    SplitStatistics,
    common_statistics,
    is_text,
    quantile_histogram,
    set_of,
)

_TOP_VALUES = 5
_LONGEST_VALUE = 40

Distances = Mapping[str, Mapping[str, float]]

_NUMBERS: dict[str, Callable[[FeatureNameStatistics], str]] = {
    "NaN": lambda column: percentage(quantile_histogram(column).num_nan, _values(column)),
    "mean": lambda column: _number(column.num_stats.mean),
    "deviation": lambda column: _number(column.num_stats.std_dev),
    "zeros": lambda column: percentage(column.num_stats.num_zeros, _values(column)),
    "smallest": lambda column: _number(column.num_stats.min),
    "median": lambda column: _number(column.num_stats.median),
    "largest": lambda column: _number(column.num_stats.max),
}
_COMMON: dict[str, Callable[[FeatureNameStatistics], str]] = {
    "missing": lambda column: _missing(column),
    "values<small>a request</small>": lambda column: _number(common_statistics(column).avg_num_values),
}


def feature_tables(
    columns: Sequence[str], splits: Sequence[SplitStatistics], distances: Distances, colours: Colours
) -> list[str]:
    """A table of the numbers among `columns` and one of the texts, those that there are.

    Args:
      columns: names of columns of one set.
      splits: the first is the one that the others are compared with.
      distances: of the other splits from the first, by split and column.
      colours: of the splits.
    """
    text = {name for name in columns if any(name in one.columns and is_text(one.columns[name]) for one in splits)}
    numbers = [name for name in columns if name not in text]
    found = []
    if numbers:
        headings = ["feature", "distribution", *_shared_headings(splits), *_COMMON, *_NUMBERS]
        found.append(table(headings, [_number_row(name, splits, distances, colours) for name in numbers]))
    if text:
        headings = ["feature", "most frequent values", *_shared_headings(splits), *_COMMON, "distinct"]
        found.append(table(headings, [_text_row(name, splits, distances, colours) for name in sorted(text)]))
    return found


def percentage(part: float, whole: float) -> str:
    """A share as people read it; a dash for none at all."""
    if not part or not whole:
        return MISSING
    return f"{100 * part / whole:.1f}%" if part / whole >= 0.0005 else "< 0.1%"


def _shared_headings(splits: Sequence[SplitStatistics]) -> list[str]:
    return [f"distance<small>from {escape(splits[0].name)}</small>", "split"] if len(splits) > 1 else ["split"]


def _number_row(name: str, splits: Sequence[SplitStatistics], distances: Distances, colours: Colours) -> list[str]:
    binned = binned_shares(
        [quantile_histogram(one.columns[name]) if name in one.columns else Histogram() for one in splits]
    )
    drawing = distribution_drawing(binned, [one.name for one in splits], colours) if binned else MISSING
    return [escape(set_of(name)[1]), drawing, *_row_end(name, splits, distances, colours, _NUMBERS)]


def _text_row(name: str, splits: Sequence[SplitStatistics], distances: Distances, colours: Colours) -> list[str]:
    distinct = {"distinct": lambda column: f"{column.string_stats.unique:,}"}
    return [escape(set_of(name)[1]), _top_values(name, splits), *_row_end(name, splits, distances, colours, distinct)]


def _row_end(
    name: str,
    splits: Sequence[SplitStatistics],
    distances: Distances,
    colours: Colours,
    of_type: Mapping[str, Callable[[FeatureNameStatistics], str]],
) -> list[str]:
    """Cells of one line a split."""
    labels = [f"<span style='color:{colours[one.name]}'>{escape(one.name)}</span>" for one in splits]
    cells = ["<br>".join(labels)]
    if len(splits) > 1:
        values = [distances.get(one.name, {}).get(name) for one in splits]
        cells.insert(0, "<br>".join("" if value is None else f"{value:.4f}" for value in values))
    for told in (*_COMMON.values(), *of_type.values()):
        cells.append("<br>".join(told(one.columns[name]) if name in one.columns else MISSING for one in splits))
    return cells


def _top_values(name: str, splits: Sequence[SplitStatistics]) -> str:
    """The first split's most frequent values, one a line, with their shares in all splits."""
    shares = [_shares(one.columns.get(name)) for one in splits]
    lines = []
    for value, share in list(shares[0].items())[:_TOP_VALUES]:
        told = " / ".join(percentage(of_split.get(value, 0.0), 1.0) for of_split in shares)
        short = value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}…"
        lines.append(f"<span class='bar' style='--share:{share:.3f}'>{escape(short) or '(empty)'}</span> {told}")
    return f"<div style='text-align:left'>{'<br>'.join(lines)}</div>" if lines else MISSING


def _shares(column: FeatureNameStatistics | None) -> dict[str, float]:
    if column is None:
        return {}
    total = max(_values(column), 1)
    return {bucket.label: bucket.sample_count / total for bucket in column.string_stats.rank_histogram.buckets}


def _missing(column: FeatureNameStatistics) -> str:
    common = common_statistics(column)
    return percentage(common.num_missing, common.num_missing + common.num_non_missing)


def _values(column: FeatureNameStatistics) -> int:
    return common_statistics(column).tot_num_values


def _number(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 1e3 else f"{value:,.0f}"
