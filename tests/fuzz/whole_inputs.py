"""Whole inputs, drawn: seven tables of a shop in files of all kinds, and what tables.yaml and the run say of them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import strategies as st
from raw_columns import RawColumn
from role_columns import COLUMNS, STRPTIME, UNITS, Choices, columns, days_of, populations

_INPUTS_PER_SEED = 6
FAULTS = {
    ".csv": ("no file", "no column", "empty file", "open quote", "two columns", "unknown suffix", "dangling link"),
    ".pq": ("no file", "no column", "empty file", "cut file", "struct", "unknown suffix", "dangling link"),
}
"""What can be wrong with a whole file of CSV or Parquet."""


@dataclasses.dataclass(frozen=True)
class RawFile:
    """A file: its path below the data folder, its columns, and how it is written.

    Attributes:
      columns: those that are in the file.
      rows: how many.
      folder_day: the column `day` that its folder gives, if any.
      ragged: rows of CSV with a cell too many.
      linked: whether the path is a link to a file elsewhere.
      fault: what is wrong with the whole file, one of FAULTS, if anything.
    """

    path: str
    columns: dict[str, RawColumn]
    rows: int
    folder_day: str | None
    ragged: frozenset[int]
    linked: bool
    quote_all: bool
    windows: bool
    bom: bool
    row_group: int
    fault: str | None = None

    @property
    def is_csv(self) -> bool:
        return ".csv" in self.path


@dataclasses.dataclass(frozen=True)
class RawTable:
    """A table: its path in tables.yaml, its files in order, how its times are read."""

    path: str
    files: tuple[RawFile, ...]
    unit: str | None = None
    pattern: str | None = None


@dataclasses.dataclass(frozen=True)
class WholeInput:
    """All tables, and the choices of tables.yaml and of the run.

    Attributes:
      at_fault: the table of which a file is no good, if any.
      missing: column -> what stands for its empty cells.
      where: the values of `bought` and of `state` that make edges.
      split: the ranges of column `day`.
    """

    tables: dict[str, RawTable]
    at_fault: str | None
    text_ids: dict[str, bool]
    missing: dict[str, Any]
    where: dict[str, list]
    split: dict[str, list]
    overlap_seconds: int
    delay_seconds: int
    group_by: list[str]
    step_seconds: int
    max_bad_row_share: float
    rows_per_batch: int
    shards: int


def try_inputs(seed: int, check: Callable[[WholeInput], None]) -> None:
    """Calls `check` with the few inputs of a seed, the same each time."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=_INPUTS_PER_SEED,
        deadline=None,
        derandomize=False,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(whole_inputs())
    def check_each(world: WholeInput) -> None:
        check(world)

    check_each()


@st.composite
def whole_inputs(draw: st.DrawFn) -> WholeInput:
    """Mostly good tables with some bad cells; one in eight inputs has a file that is no good at all."""
    text_ids = {"user": draw(st.booleans()), "item": draw(st.booleans())}
    day_form = draw(st.sampled_from(["number", "iso", "week"]))
    choices = Choices(draw(populations(text_ids["user"])), draw(populations(text_ids["item"])), day_form)
    tables = {name: draw(_table(name, choices)) for name in COLUMNS}
    at_fault = draw(st.sampled_from(sorted(COLUMNS))) if draw(st.integers(0, 7)) == 7 else None
    if at_fault is not None:
        tables[at_fault] = draw(_with_fault(tables[at_fault]))
    days = days_of(day_form)
    return WholeInput(
        tables,
        at_fault,
        text_ids,
        {name: value for name, value in _STAND_INS.items() if draw(st.booleans())},
        {
            "bought": draw(st.sampled_from([[1], ["1"], [True], [1, 5], ["true"]])),
            "state": draw(st.sampled_from([["liked"], ["liked", "39"], ["liked"], ["39"]])),
        },
        {"train": [days[0], days[2]], "validation": [days[3], days[4]]},
        draw(st.sampled_from([10**9, 10**9, 10**9, 10**9, 0])),
        draw(st.sampled_from([0, 2])),
        draw(st.sampled_from([[], ["place"]])),
        draw(st.sampled_from([1, 60])),
        draw(st.sampled_from([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5])),
        draw(st.sampled_from([1, 2, 3, 100])),
        draw(st.integers(1, 2)),
    )


_STAND_INS = {"age": -1, "level": 0, "city": "?", "price": 2.5, "place": "nowhere", "tags": "none"}


@st.composite
def _table(draw: st.DrawFn, name: str, choices: Choices) -> RawTable:
    layout = draw(st.sampled_from(["plain", "brackets", "flat", "flat", "deep", "days"]))
    if layout == "days" and ("day" not in COLUMNS[name] or choices.day_form == "week"):
        layout = "flat"
    several = layout not in ("plain", "brackets")
    unit = pattern = None
    if COLUMNS[name].keys() & {"at", "last_at"}:
        unit = draw(st.sampled_from([*UNITS, None, None]))
        pattern = draw(st.sampled_from([STRPTIME, "iso8601", None])) if unit is None else None
    files, suffixes = [], [".csv", ".csv", ".csv.gz", ".csv.zst", ".csv.bz2", ".parquet", ".parquet", ".pq"]
    if unit is None and pattern is None:
        suffixes = suffixes[-3:]
    for number in range(draw(st.integers(1, 3)) if several else 1):
        suffix, day = draw(st.sampled_from(suffixes)), None
        if layout == "days":
            day = str(days_of(choices.day_form)[(3, 0, 1)[number]])
        path = {
            "plain": f"{name}{suffix}",
            "brackets": f"{name}[1]{suffix}",
            "flat": f"{name}/part-{number}{suffix}",
            "deep": f"{name}/of {number}/part{suffix}",
            "days": f"{name}/day={day}/part-{number}{suffix}",
        }[layout]
        files.append(draw(_file(name, path, several, day, (unit, pattern), choices)))
    files.sort(key=lambda file: file.path)
    path = {"flat": f"{name}/*", "deep": f"{name}/**/*.*", "days": f"{name}/day=*/part-*"}.get(layout, files[0].path)
    return RawTable(path, tuple(files), unit, pattern)


@st.composite
def _file(
    draw: st.DrawFn, table: str, path: str, several: bool, day: str | None, time: tuple, choices: Choices
) -> RawFile:
    csv = ".csv" in path
    rows = draw(st.sampled_from([5, 8, 3, 2, 5, 8] if several else [6, 10, 4, 8]))
    rows = 0 if draw(st.integers(0, 31)) == 31 else rows
    of_roles = {
        name: draw(columns(role, csv, rows, time, choices))
        for name, role in COLUMNS[table].items()
        if not (name == "day" and day is not None)
    }
    ragged = frozenset(row for row in range(rows) if csv and draw(st.integers(0, 31)) == 31)
    linked = several and draw(st.integers(0, 7)) == 7
    flags = [draw(st.booleans()) for _ in range(3)]
    return RawFile(path, of_roles, rows, day, ragged, linked, *flags, draw(st.integers(1, 4)))


@st.composite
def _with_fault(draw: st.DrawFn, table: RawTable) -> RawTable:
    files = list(table.files)
    chosen = draw(st.integers(0, len(files) - 1))
    fault = draw(st.sampled_from(FAULTS[".csv" if files[chosen].is_csv else ".pq"]))
    if fault == "no file":
        return dataclasses.replace(table, files=(dataclasses.replace(files[0], fault=fault),))
    files[chosen] = dataclasses.replace(files[chosen], fault=fault)
    if fault == "unknown suffix":
        files[chosen] = dataclasses.replace(files[chosen], path=f"{files[chosen].path}.txt")
    path = files[chosen].path if table.path in (file.path for file in table.files) else table.path
    return dataclasses.replace(table, path=path, files=tuple(files))
