"""Clients that ask a feature service without a break, each the next thing once it has its answer."""

import dataclasses
import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

import numpy as np

_TIMEOUT = 60
_APPEND_EVERY = 10
_ROWS_AT_ONCE = 5
_SECONDS_AFTER_ERROR = 0.1


@dataclasses.dataclass(frozen=True)
class Call:
    """What was asked and how it went.

    Attributes:
      path: what was asked.
      start: by time.monotonic().
      end: likewise.
      problem: what was answered instead of 200; "" where it was 200.
      lost_connection: whether there was no answer at all.
      rows: the numbers of the rows that were appended.
    """

    path: str
    start: float
    end: float
    problem: str
    lost_connection: bool
    rows: range


class LoadClients:
    """Asks for ranks, and appends some rows every tenth time.

    Args:
      url: of the service.
      ranks: bodies of POST /rank, asked in turn.
      append_body: makes the body of POST /events of the numbers of rows; each number is used once.
      most_rows: how many rows there are.
    """

    def __init__(
        self, url: str, *, ranks: Sequence[bytes], append_body: Callable[[range], bytes], most_rows: int
    ) -> None:
        self._address, self._append_body, self._most_rows = urlsplit(url).netloc, append_body, most_rows
        self._ranks, self._lock, self._next_row = itertools.cycle(ranks), threading.Lock(), 0

    def run(self, count: int, seconds: float) -> list[Call]:
        """What `count` clients asked in so many seconds."""
        until = time.monotonic() + seconds
        calls: list[list[Call]] = [[] for _ in range(count)]
        threads = [threading.Thread(target=self._ask_until, args=(until, of_client)) for of_client in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [call for of_client in calls for call in of_client]

    def _ask_until(self, until: float, calls: list[Call]) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=_TIMEOUT)
        for path, body, rows in self._questions():
            start = time.monotonic()
            if start >= until:
                break
            problem, lost = _asked(connection, path, body)
            calls.append(Call(path, start, time.monotonic(), problem, lost, rows))
            if problem:
                time.sleep(_SECONDS_AFTER_ERROR)
        connection.close()

    def _questions(self) -> Iterator[tuple[str, bytes, range]]:
        for number in itertools.count(1):
            if number % _APPEND_EVERY == 0 and (rows := self._next_rows()):
                yield "/events", self._append_body(rows), rows
            else:
                with self._lock:
                    body = next(self._ranks)
                yield "/rank", body, range(0)

    def _next_rows(self) -> range:
        with self._lock:
            first, self._next_row = self._next_row, min(self._next_row + _ROWS_AT_ONCE, self._most_rows)
            return range(first, self._next_row)


def summary(calls: Sequence[Call], path: str, seconds: float) -> dict[str, float]:
    """Answers a second, and milliseconds until them where there were any."""
    found = [call.end - call.start for call in calls if call.path == path and not call.problem]
    rate = {"answers_per_second": round(len(found) / seconds, 1)}
    if not found:
        return rate
    return {
        **rate,
        "ms_median": round(float(np.median(found)) * 1_000, 1),
        "ms_p99": round(float(np.quantile(found, 0.99)) * 1_000, 1),
    }


def _asked(connection: http.client.HTTPConnection, path: str, body: bytes) -> tuple[str, bool]:
    """The problem, and whether there was no answer."""
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return f"{type(error).__name__}: {error}", True
    if answer.status == http.client.OK:
        json.loads(text)
        return "", False
    return f"{answer.status}: {text[:500].decode(errors='replace')}", False
