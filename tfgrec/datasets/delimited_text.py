"""Text files with one row a line, read as text and checked cell by cell: what is wrong is named by its line."""

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tfgrec.close_match import suggestion
from tfgrec.errors import InputDataError

# What the C parser, which takes one character alone, reads in place of a longer separator.
_STAND_IN = "\x1f"
_SHOWN = 60


@dataclasses.dataclass(frozen=True)
class TextTable:
    """The cells of a file as text.

    Attributes:
      path: the file, for messages.
      cells: one column of text each.
      first_line: the line of the file that the first row is.
    """

    path: Path
    cells: pd.DataFrame
    first_line: int

    def __contains__(self, column: str) -> bool:
        return column in self.cells

    def names(self, column: str) -> pd.Series:
        """A column of ids, none of them empty.

        Raises:
          InputDataError: names the first line with an empty one.
        """
        values = self._column(column).str.strip()
        self._refuse(values == "", column, "an id is wanted")
        return values

    def numbers(self, column: str, low: float, high: float, wanted: str) -> np.ndarray:
        """A column of finite numbers in `[low, high]`, float64.

        Raises:
          InputDataError: names the first line without one, and what was `wanted`.
        """
        numbers = pd.to_numeric(self._column(column), errors="coerce").to_numpy(np.float64)
        self._refuse(~((numbers >= low) & (numbers <= high)), column, f"{wanted} is wanted")
        return numbers

    def texts(self, *columns: str) -> pd.Series:
        """The first of these columns that the file has, stripped; empty texts where it has none of them."""
        for column in columns:
            if column in self.cells:
                return self.cells[column].str.strip()
        return pd.Series("", index=self.cells.index)

    def distinct(self, column: str) -> pd.Series:
        """A column of ids, each of them once.

        Raises:
          InputDataError: names the first line with an empty id, or one that was there before.
        """
        values = self.names(column)
        self._refuse(values.duplicated(), column, "each id is wanted once")
        return values

    def _column(self, column: str) -> pd.Series:
        if column not in self.cells:
            raise InputDataError(f"{self.path}: has no column '{column}': {suggestion(column, self.cells)}")
        return self.cells[column]

    def _refuse(self, wrong: np.ndarray | pd.Series, column: str, wanted: str) -> None:
        if np.any(wrong):
            row = int(np.argmax(np.asarray(wrong)))
            line, received = row + self.first_line, self.cells[column].iloc[row][:_SHOWN]
            raise InputDataError(f"{self.path}, line {line}: {column} is '{received}': {wanted}")


def read_delimited(
    path: Path, separator: str, columns: Sequence[str] | None = None, *, quoted: bool = False
) -> TextTable:
    """Reads a file in UTF-8, or else Latin-1, as GroupLens' older sets are.

    `columns` are the names of a file without a header. With `quoted` a cell may stand in double quotes (CSV).

    Raises:
      InputDataError: the file is missing or empty, or a line has too many or too few cells.
    """
    text = _read_text(path)
    names = list(columns) if columns is not None else _header(text, separator)
    first_line = 1 if columns is not None else 2
    if not quoted:
        _check_widths(path, text, separator, len(names), first_line)
    if len(separator) > 1:
        text, separator = text.replace(separator, _STAND_IN), _STAND_IN
    try:
        cells = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            names=names,
            header=None,
            skiprows=first_line - 1,
            index_col=False,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            quoting=0 if quoted else 3,
        )
    except pd.errors.EmptyDataError as error:
        raise InputDataError(f"{path}: has no rows") from error
    except (pd.errors.ParserError, ValueError) as error:
        raise InputDataError(f"{path}: can't be read: {error}") from error
    return TextTable(path, cells.fillna(""), first_line)


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputDataError(f"{path}: can't be read: {error.strerror or error}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    text = text.replace("\r\n", "\n").rstrip("\n")
    if not text:
        raise InputDataError(f"{path}: is empty")
    return text


def _header(text: str, separator: str) -> list[str]:
    return [name.strip() for name in text.split("\n", 1)[0].split(separator)]


def _check_widths(path: Path, text: str, separator: str, width: int, first_line: int) -> None:
    """The parser fills short lines and forgives long ones."""
    for number, line in enumerate(text.split("\n"), start=1):
        if number >= first_line and line.count(separator) != width - 1:
            cells = line.count(separator) + 1
            raise InputDataError(f"{path}, line {number}: has {cells} cells, {width} are wanted: '{line[:_SHOWN]}'")
