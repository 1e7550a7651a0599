"""The rows of a whole input as the jobs have to read them, and what is expected of a job, in plain Python."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import documented_cells as docs
from documented_cells import BAD, EMPTY, Cell, Said
from role_columns import UNITS
from whole_inputs import RawFile, WholeInput

Place = tuple[str, str, int]
"""Table, path below the data folder, row (the first is row 1)."""


class Row(NamedTuple):
    """A row, and where it lies."""

    place: Place
    file: RawFile
    number: int

    def cell(self, column: str) -> Cell:
        """A cell, of the file or of its folder."""
        if column not in self.file.columns:
            return Cell("text", self.file.folder_day)
        return self.file.columns[column].cell(self.number)

    def is_one(self, columns: tuple[str, ...]) -> bool:
        """Whether it can be taken apart, and all these columns are UTF-8."""
        if self.number in self.file.ragged:
            return False
        return not any(of.is_broken(self.number) for name, of in self.file.columns.items() if name in columns)


@dataclasses.dataclass
class Expected:
    """What a job leaves.

    Attributes:
      refusals: parts of the message of each error that there may be; none where the job succeeds.
      bad: the bad rows, and the columns ("" for the whole row) of which one is told as the reason.
      rows: by table.
      nodes: node set -> raw id -> features.
      edges: edge set -> (source, target, time, feature), counted.
      requests: (split, user, time, its candidates), sorted.
    """

    refusals: list[tuple[str, ...]] = dataclasses.field(default_factory=list)
    bad: dict[Place, set[str]] = dataclasses.field(default_factory=dict)
    rows: dict[str, int] = dataclasses.field(default_factory=dict)
    nodes: dict[str, dict] = dataclasses.field(default_factory=dict)
    edges: dict[str, Counter] = dataclasses.field(default_factory=dict)
    requests: list[tuple] = dataclasses.field(default_factory=list)

    def reject(self, row: Row, column: str) -> None:
        """A bad row."""
        self.bad.setdefault(row.place, set()).add(column)


class Use:
    """One use of a row: what it is good for if nothing is wrong with what is read."""

    def __init__(self, expected: Expected, row: Row) -> None:
        self._expected, self._row = expected, row
        self.good = True

    def reject(self, column: str) -> None:
        """The row is bad for this use."""
        self.good = False
        self._expected.reject(self._row, column)

    def read(self, column: str, read: Callable[[Cell], Any], stand_in: Any = None) -> Any:
        """A cell's value, None where it has none: then the row is bad."""
        found = read(self._row.cell(column))
        if found is EMPTY and stand_in is not None:
            return stand_in
        if isinstance(found, Said):
            self.reject(column)
            return None
        return found

    def several(self, column: str, read: Callable[[Cell], Any]) -> list[Any]:
        """The values of a cell of several."""
        found = [read(cell) for cell in docs.values(self._row.cell(column), "|")]
        if BAD in found:
            self.reject(column)
        return [value for value in found if not isinstance(value, Said)]


def rows_of(world: WholeInput, table: str) -> Iterator[Row]:
    """The rows of a table's files in order of their names."""
    for file in sorted(world.tables[table].files, key=lambda file: file.path):
        if file.fault is None:
            for number in range(file.rows):
                yield Row((table, file.path, number + 1), file, number)


def read_rows(world: WholeInput, expected: Expected, table: str, *columns: str) -> Iterator[Row]:
    """The rows that can be taken apart; the others are bad."""
    for row in rows_of(world, table):
        if row.is_one(columns):
            yield row
        else:
            expected.reject(row, "")


def id_reader(world: WholeInput, node_set: str) -> Callable[[Cell], Any]:
    """How ids of users or items are read."""
    of_text = world.text_ids[node_set]
    return lambda cell: docs.text(cell, ids=True) if of_text else docs.whole(cell, ids=True)


def text_id(cell: Cell) -> str | Said:
    """An id of a node set that is DT_STRING always."""
    return docs.text(cell, ids=True)


def timed_rows(world: WholeInput, expected: Expected, table: str, *columns: str) -> Iterator[tuple[Row, int]]:
    """The rows of a log whose time can be read."""
    of, column = world.tables[table], "last_at" if table == "plays" else "at"
    for row in read_rows(world, expected, table, column, *columns):
        unit = UNITS[of.unit] if of.unit else None
        found = docs.moment(row.cell(column), unit=unit, pattern=of.pattern)
        if isinstance(found, Said):
            expected.reject(row, column)
        else:
            yield row, found


def refuse_faults(world: WholeInput, expected: Expected, tables: set[str]) -> None:
    """A file that is no good; one without rows has no struct in it."""
    table = world.at_fault
    if table not in tables:
        return
    for file in world.tables[table].files:
        first = next(iter(file.columns))
        told = {
            "no file": ("there is no file",),
            "dangling link": (),
            "no column": (file.path, f"'{first}'"),
            "struct": (file.path, f"'{first}'"),
            "open quote": (file.path, "quote", f"row {file.rows + 1}:"),
            "two columns": (file.path, f"more than one column '{first}'"),
            "unknown suffix": (file.path, "expected a file that ends in"),
        }.get(file.fault or "", (file.path,))
        if file.fault is not None and not (file.fault == "struct" and file.rows == 0):
            expected.refusals.append((f"table '{table}'", *told))


def check_shares(world: WholeInput, expected: Expected, tables: tuple[str, ...]) -> None:
    """Tables without rows, or with too many bad ones."""
    bad = Counter(place[0] for place in expected.bad)
    for table in tables:
        rows = sum(1 for _ in rows_of(world, table))
        expected.rows[table] = rows
        if rows == 0:
            expected.refusals.append((f"table '{table}'", "there are no rows"))
        elif bad[table] > world.max_bad_row_share * rows:
            expected.refusals.append((f"table '{table}'", f"{bad[table]} of {rows} rows are bad"))
