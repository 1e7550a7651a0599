"""Quotes in CSV files that would swallow rows: found before a file is read, since no count would miss the rows.

A cell in quotes may hold commas, line ends and doubled quotes (RFC 4180). A quote that only opens takes what follows
into one cell; so do two stray ones, with all rows that lie between.
"""

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from tfgrec.errors import InputDataError
from tfgrec.graph.rows.plain_columns import is_utf8

_FIRST_BYTES = 64 << 10
_BLOCK_BYTES = 4 << 20
_LONGEST_ROW_BYTES = 8 << 20
_BOM = b"\xef\xbb\xbf"

_WHOLE_CELLS = rb'(?:(?:"(?:[^"]|"")*"|[^",][^,]*|)(?:,|\Z))*'
_WHOLE = re.compile(_WHOLE_CELLS, re.DOTALL)
_CLOSED = re.compile(rb'"(?:[^"]|"")*"(?!")', re.DOTALL)
_NUMBER_OR_TIME = re.compile(rb"[-+]?\.?\d[-+\d.,:TZeE/ ]*")
# Of so many rows on a line of their own it is looked which columns hold numbers.
_TYPICAL_ROWS = 200
# Rows on several lines that are kept until that is known.
_KEPT_ROWS = 200
_KEPT_LINES = 20


class QuoteChecks:
    """Reads a CSV file, line by line where there are quotes, and tells of the first that is not where one may be.

    Attributes:
      is_utf8: whether all of the file is.
    """

    def __init__(self) -> None:
        self.is_utf8 = True
        self._row = -1
        self._columns = 0
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._typical: list[list[bytes]] = []
        self._several_lines: list[tuple[int, list[list[bytes]]]] = []

    def check(self, file: pa.NativeFile) -> int:
        """Reads the whole file; returns the number of its rows, the header aside.

        Raises:
          InputDataError: names the row (the first below the header is row 1) and what is wrong with its quotes.
        """
        for lines in _blocks(file):
            self.is_utf8 = self.is_utf8 and is_utf8(lines)
            if self._row < 0 and lines:
                lines = lines.removeprefix(_BOM)
            if self._open or self._row < _TYPICAL_ROWS or not _is_clean(lines):
                for line in lines.split(b"\n"):
                    self._add(line)
            else:
                self._row += (
                    sum(1 for line in lines.split(b"\n") if line) if b"\n\n" in b"\n" + lines else _count(lines)
                )
        if self._open:
            raise _refusal(self._row, "a quote opens a cell and nothing closes it: it would take in all later rows")
        self._look_back()
        return max(self._row, 0)

    def _add(self, line: bytes) -> None:
        if not self._open:
            if not line:
                return
            self._row += 1
            if b'"' not in line:
                self._note(line)
                return
        self._open.append(line)
        self._open_bytes += len(line)
        if len(self._open) > 1 and b'"' not in line:
            if self._open_bytes > _LONGEST_ROW_BYTES:
                raise _refusal(
                    self._row, f"a quote opens a cell and nothing closes it within {_LONGEST_ROW_BYTES} bytes"
                )
            return
        row = b"\n".join(self._open)
        rest = row[_WHOLE.match(row).end() :]
        if rest and not _CLOSED.match(rest):
            return
        if rest:
            shown = rest[: _CLOSED.match(rest).end() + 10].decode("utf-8", "replace")[-30:]
            raise _refusal(
                self._row,
                f"a quote within a cell is neither doubled nor followed by a comma or the end of the line: ...{shown}",
            )
        lines, self._open, self._open_bytes = self._open, [], 0
        if len(lines) == 1:
            self._note(line)
        else:
            self._keep(lines)

    def _note(self, line: bytes) -> None:
        """A row on a line of its own."""
        if self._row == 0:
            self._columns = len(_cells(line))
        elif len(self._typical) < _TYPICAL_ROWS and len(cells := _cells(line)) == self._columns:
            self._typical.append(cells)

    def _keep(self, lines: list[bytes]) -> None:
        """A row on several lines, of which at least half have as many commas as whole rows."""
        if self._row == 0:
            self._columns = len(_cells(b"\n".join(lines)))
            return
        rows = [cells for line in lines if len(cells := _cells(line)) == self._columns]
        if self._columns > 1 and 2 * len(rows) >= len(lines) and len(rows) > 1:
            self._several_lines.append((self._row, rows[:_KEPT_LINES]))
        if len(self._several_lines) == _KEPT_ROWS:
            self._look_back()

    def _look_back(self) -> None:
        """Refuses rows whose lines look like the file's other rows, by the columns that hold numbers or times."""
        typical = self._typical or [row for _, rows in self._several_lines for row in rows]
        numbers = [
            column
            for column in range(self._columns)
            if any(row[column] for row in typical)
            and all(not row[column] or _NUMBER_OR_TIME.fullmatch(row[column]) for row in typical)
        ]
        for number, rows in self._several_lines:
            alike = [row for row in rows if all(_NUMBER_OR_TIME.fullmatch(row[column]) for column in numbers)]
            if 2 * len(alike) >= len(rows) and len(alike) > (1 if numbers else 2):
                raise _refusal(
                    number,
                    f"a cell in quotes holds {len(rows)} or more lines that look like rows of their own: a quote is "
                    "missing or astray",
                )
        self._several_lines = []


def _is_clean(lines: bytes) -> bool:
    """Whether all quotes open and close cells of one line each, or are doubled within such: seen at once, in arrays."""
    if b'"' not in lines:
        return True
    text = np.frombuffer(b"\n" + lines + b"\n", np.uint8)
    quotes, ends = np.flatnonzero(text == ord('"')), np.flatnonzero(text == ord("\n"))
    if len(quotes) % 2:
        return False
    first, last = quotes[::2], quotes[1::2]
    around = np.isin(np.concatenate([text[first - 1], text[last + 1]]), np.frombuffer(b'",\n', np.uint8))
    return bool(around.all()) and np.array_equal(np.searchsorted(ends, first), np.searchsorted(ends, last))


def _blocks(file: pa.NativeFile) -> Iterator[bytes]:
    """The file's bytes in blocks of whole lines, which end with LF only, whatever they end with in the file."""
    left, size = b"", _FIRST_BYTES
    while block := file.read(size):
        block, size = left + block, _BLOCK_BYTES
        ends = max(block.rfind(b"\n"), block.rfind(b"\r", 0, len(block) - 1))
        if ends < 0 and len(block) < 2 * _LONGEST_ROW_BYTES:
            left = block
            continue
        yield _lines(block[: ends + 1] if ends >= 0 else block)
        left = block[ends + 1 :] if ends >= 0 else b""
    if left:
        yield _lines(left)


def _lines(block: bytes) -> bytes:
    block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in block else block
    return block.removesuffix(b"\n")


def _count(lines: bytes) -> int:
    return lines.count(b"\n") + 1


def _cells(line: bytes) -> list[bytes]:
    """The cells of a line if its quotes were plain text."""
    return [cell.strip(b'" ') for cell in line.split(b",")]


def _refusal(row: int, what: str) -> InputDataError:
    return InputDataError(f"row {row}: {what}" if row else f"the header: {what}")
