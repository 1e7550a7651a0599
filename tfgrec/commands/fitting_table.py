"""Rows for the terminal: a table where it fits, else a line each, so that no number is ever cut."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

# Wider than any table: what is measured is what the table wants.
_UNLIMITED = 10_000
NOTHING = "-"
"""The cell of a number that is not there."""


def print_fitting(
    console: Console, *, title: str, headings: Sequence[str], texts: int, rows: Sequence[Sequence[str]]
) -> None:
    """Prints rows as a table, if the console is wide enough for it.

    In lines, numbers follow the names of their columns, and a pipe or a narrow terminal gets each line whole.

    Args:
      console: where to.
      title: what the rows are.
      headings: of the columns.
      texts: how many columns, from the left, are text and need no name; the others are numbers.
      rows: of cells, as many as headings; in a line, NOTHING is left out.
    """
    table = Table(title=Text(title), title_justify="left")
    for position, heading in enumerate(headings):
        table.add_column(Text(heading), justify="left" if position < texts else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    wanted = table.__rich_measure__(console, console.options.update(width=_UNLIMITED)).maximum
    if wanted <= console.width:
        console.print(table, markup=False)
        return
    _print_line(console, title)
    for row in rows:
        named = [
            f"{heading} {cell}" for heading, cell in zip(headings[texts:], row[texts:], strict=True) if cell != NOTHING
        ]
        _print_line(console, f"{' '.join(row[:texts])}: {', '.join(named)}")


def _print_line(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, markup=False, highlight=False)
