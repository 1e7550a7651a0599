"""How fast work gets done: of late, and on the whole."""

import time
from collections import deque

RECENT_SECONDS = 30.0
# Between two marks of how much was done: steps of a millisecond need no mark each.
_SECONDS_BETWEEN_MARKS = 1.0


class WorkRate:
    """Counts work as it gets done. Time that is `left_out` counts for no rate.

    Attributes:
      completed: all work, that of an earlier run included.

    Args:
      completed: work done by an earlier run, which counts for no rate.
    """

    def __init__(self, completed: float = 0):
        self.completed = completed
        self._already_done = completed
        self._started = time.monotonic()
        # When how much was done: the oldest is RECENT_SECONDS ago, or the start.
        self._marks = deque([(self._started, completed)])

    def add(self, amount: float) -> None:
        """Work is done."""
        if not amount:
            return
        self.completed += amount
        now = time.monotonic()
        # What takes longer than RECENT_SECONDS, such as a file, is measured from the one before.
        while len(self._marks) > 1 and now - self._marks[1][0] >= RECENT_SECONDS:
            self._marks.popleft()
        if now - self._marks[-1][0] >= _SECONDS_BETWEEN_MARKS:
            self._marks.append((now, self.completed))

    def leave_out(self, seconds: float) -> None:
        """Of the time until now, so much was none of the work's."""
        self._started += seconds
        self._marks = deque((at + seconds, done) for at, done in self._marks)

    @property
    def recent(self) -> float | None:
        """Work a second, in the last RECENT_SECONDS or since the start; None in the first second."""
        at, done = self._marks[0]
        seconds = time.monotonic() - at
        return (self.completed - done) / seconds if seconds >= _SECONDS_BETWEEN_MARKS else None

    @property
    def mean(self) -> float:
        """Work a second, since the start."""
        return (self.completed - self._already_done) / max(time.monotonic() - self._started, 1e-9)

    def seconds_left(self, total: float | None) -> float | None:
        """Seconds until `total` is done if it goes on as of late; None where that can't be told."""
        return max(total - self.completed, 0) / self.recent if total is not None and self.recent else None
