"""Progress of long stages: a bar on a terminal, a plain line now and then in a log file."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column

from tfgrec.work_rate import WorkRate

SECONDS_BETWEEN_LINES = 15.0
# Of a terminal that a bar and its numbers fit into.
_NARROWEST = 80


class Advance:
    """Called as work gets done: `advance(512)`, or `advance(512, loss=0.61)` with values to show beside the bar.

    Attributes:
      completed: the work that is done.
      total: the amount of work; None where it is not known, which may be set later.
    """

    def __init__(self, title: str, total: float | None, unit: str, completed: float):
        self.total = total
        self._title, self._unit = title, unit
        self._rate = WorkRate(completed)
        self._values: dict[str, float | str] = {}
        self._show: Callable[[], None] = lambda: None
        self._say: Callable[[str], None] = lambda line: None

    def __call__(self, amount: float = 1, **values: float | str) -> None:
        self._rate.add(amount)
        self._values.update(values)
        self._show()

    @property
    def completed(self) -> float:
        return self._rate.completed

    @contextlib.contextmanager
    def held_up(self, reason: str) -> Iterator[None]:
        """For what takes long, once, and shows no progress: says so, and how long it took; it counts for no rate."""
        started = time.monotonic()
        self._say(f"{self._title}: {reason}, which can take a minute")
        yield
        seconds = time.monotonic() - started
        self._rate.leave_out(seconds)
        self._say(f"{self._title}: goes on after {_told_seconds(seconds)}")

    def shown_on(self, show: Callable[[], None], say: Callable[[str], None]) -> None:
        """From now on, `show` is called when something has changed, and `say` with what there is to tell."""
        self._show, self._say = show, say

    def describe(self, *, over: bool = False) -> str:
        """The recent rate and the time left, or the mean rate where it is `over`, and the newest values."""
        rate = self._rate.mean if over else self._rate.recent
        seconds_left = None if over else self._rate.seconds_left(self.total)
        parts = [] if rate is None else [f"{rate:,.{0 if rate >= 10 else 1}f} {self._unit}/s"]
        parts += [] if seconds_left is None else [f"{_told_seconds(seconds_left)} left"]
        parts += [
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in self._values.items()
        ]
        return "  ".join(parts)

    def line(self, *, over: bool = False) -> str:
        """All of it in one line."""
        of_total = f" of {self.total:,.0f}" if self.total is not None else ""
        return f"{self._title}: {self.completed:,.0f}{of_total} {self._unit}  {self.describe(over=over)}".rstrip()


@contextlib.contextmanager
def stage_progress(
    title: str, total: float | None = None, *, unit: str = "rows", completed: float = 0, console: Console | None = None
) -> Iterator[Advance]:
    """Shows how far a stage is, how fast it goes of late, how long it will take and the values that it passes.

    Args:
      title: what is being done.
      total: the amount of work in `unit`s; None where it is not known.
      unit: what is counted, for the rate.
      completed: work done by an earlier run: counted as done, left out of the rate.
      console: where to write; standard error by default, so that standard output holds results alone.

    Yields:
      What is called as work gets done.
    """
    console = console or Console(stderr=True)
    advance = Advance(title, total, unit, completed)
    has_room = console.is_terminal and console.width >= _NARROWEST
    with _bar(title, advance, console) if has_room else _lines(advance, console):
        yield advance


@contextlib.contextmanager
def _bar(title: str, advance: Advance, console: Console) -> Iterator[None]:
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(overflow="fold")),
        BarColumn(),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        # As many lines as it takes: a number that is cut reads as another one.
        TextColumn("{task.fields[state]}", markup=False, table_column=Column(overflow="fold")),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(title, total=advance.total, completed=advance.completed, state="")

        def show(*, over: bool = False) -> None:
            state = advance.describe(over=over)
            progress.update(bar, completed=advance.completed, total=advance.total, state=state)

        advance.shown_on(show, lambda line: progress.console.print(line, highlight=False, markup=False))
        yield
        show(over=True)


@contextlib.contextmanager
def _lines(advance: Advance, console: Console) -> Iterator[None]:
    shown_at = time.monotonic()

    def say(line: str) -> None:
        console.print(line, soft_wrap=True, highlight=False, markup=False)

    def show() -> None:
        nonlocal shown_at
        if advance.completed != advance.total and time.monotonic() - shown_at >= SECONDS_BETWEEN_LINES:
            shown_at = time.monotonic()
            say(advance.line())

    advance.shown_on(show, say)
    yield
    say(advance.line(over=True))


def _told_seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
