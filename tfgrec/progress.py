"""Progress of long stages: a bar on a terminal, a plain line now and then in a log file."""

import contextlib
import time
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

SECONDS_BETWEEN_LINES = 15.0
# Of a terminal that a bar and its numbers fit into.
_NARROWEST = 80


class Advance(Protocol):
    """Called as work gets done: `advance(512)`, or `advance(512, loss=0.61)` with values to show beside the bar."""

    def __call__(self, amount: float = 1, **values: float | str) -> None: ...


@contextlib.contextmanager
def stage_progress(
    title: str, total: float | None = None, *, unit: str = "rows", completed: float = 0, console: Console | None = None
) -> Iterator[Advance]:
    """Shows how far a stage is, how fast it goes and the values that it passes; yields an `Advance`.

    Args:
      title: what is being done.
      total: the amount of work in `unit`s; None where it is not known.
      unit: what is counted, for the rate.
      completed: work done by an earlier run: counted as done, left out of the rate.
      console: where to write; standard error by default, so that standard output holds results alone.
    """
    console = console or Console(stderr=True)
    counter = _Counter(unit, completed)
    has_room = console.is_terminal and console.width >= _NARROWEST
    with _bar(title, total, counter, console) if has_room else _lines(title, total, counter, console) as show:

        def advance(amount: float = 1, **values: float | str) -> None:
            counter.add(amount, values)
            show()

        yield advance


class _Counter:
    """Work done so far, its rate and the newest values."""

    def __init__(self, unit: str, completed: float):
        self.unit = unit
        self.completed = completed
        self._already_done = completed
        self._values: dict[str, float | str] = {}
        self._started = time.monotonic()

    def add(self, amount: float, values: dict[str, float | str]) -> None:
        self.completed += amount
        self._values.update(values)

    def describe(self) -> str:
        seconds = max(time.monotonic() - self._started, 1e-9)
        rate = (self.completed - self._already_done) / seconds
        shown_rate = f"{rate:,.{0 if rate >= 10 else 1}f} {self.unit}/s"
        values = (
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in self._values.items()
        )
        return "  ".join([shown_rate, *values])


@contextlib.contextmanager
def _bar(title: str, total: float | None, counter: _Counter, console: Console) -> Iterator:
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(overflow="fold")),
        BarColumn(),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
        # As many lines as it takes: a number that is cut reads as another one.
        TextColumn("{task.fields[state]}", markup=False, table_column=Column(overflow="fold")),
    )
    with Progress(*columns, console=console) as progress:
        bar: TaskID = progress.add_task(title, total=total, completed=counter.completed, state="")
        yield lambda: progress.update(bar, completed=counter.completed, state=counter.describe())


@contextlib.contextmanager
def _lines(title: str, total: float | None, counter: _Counter, console: Console) -> Iterator:
    shown_at = time.monotonic()

    def line() -> None:
        share = f"{counter.completed:,.0f}" + (f" of {total:,.0f}" if total is not None else "")
        console.print(
            f"{title}: {share} {counter.unit}  {counter.describe()}", soft_wrap=True, highlight=False, markup=False
        )

    def show() -> None:
        nonlocal shown_at
        if counter.completed != total and time.monotonic() - shown_at >= SECONDS_BETWEEN_LINES:
            shown_at = time.monotonic()
            line()

    yield show
    line()
