"""The log of requests: what was offered is read back; it is bounded, waits for nobody, and survives a kill."""

import collections
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.serving.feature_service import request_log as request_log_module
from tfgrec.serving.feature_service.request_log import LEFT_OUT, PATTERN, WRITTEN, RequestLog
from tfgrec.skew.served_requests import ServedRequests


class Counted:
    """A log, and how often it told of which outcome."""

    def __init__(self, folder: Path, **options) -> None:
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.log = RequestLog(folder, model="small", version=3, count=self._count, **options)

    def _count(self, outcome: str) -> None:
        self.outcomes[outcome] += 1

    def offer_slowly(self, examples: list[bytes]) -> None:
        """Waits where the log would leave out."""
        for number, example in enumerate(examples):
            self.log.offer(example, {"click": np.full(3, number, np.float32)})
            while sum(self.outcomes.values()) < number - 100:
                time.sleep(0.001)


def test_what_is_logged_is_read_again(tmp_path: Path) -> None:
    counted = Counted(tmp_path / "log", share=1)
    examples = [bytes([number]) * 20 for number in range(20)]
    counted.offer_slowly(examples)
    counted.log.close()
    assert counted.outcomes == {WRITTEN: 20}
    read = list(ServedRequests(tmp_path / "log"))
    assert [request.example for request in read] == examples
    assert {request.model for request in read} == {"small/3"}
    for number, request in enumerate(read):
        assert request.scores.keys() == {"click"}
        np.testing.assert_array_equal(request.scores["click"], np.full(3, number, np.float32))
    served = ServedRequests(tmp_path / "log")
    drawn = served.sample(5, seed=1)
    assert [of.name for of in drawn] == [of.name for of in served.sample(5, seed=1)]
    assert len(drawn) == 5 and set(of.example for of in drawn) < set(examples)
    assert [of.example for of in served.sample(None)] == examples


def test_a_share_is_drawn(tmp_path: Path) -> None:
    counted = Counted(tmp_path, share=0.25)
    for _ in range(2000):
        counted.log.offer(b"x", {"click": np.zeros(1, np.float32)})
    counted.log.close()
    assert 400 < sum(counted.outcomes.values()) < 600


def test_files_are_bounded_and_the_oldest_go(tmp_path: Path) -> None:
    most = 60_000
    first = Counted(tmp_path, share=1, most_bytes=most)
    first.offer_slowly([b"%04d" % number + bytes(1000) for number in range(120)])
    first.log.close()
    # Those of an earlier process count as well.
    second = Counted(tmp_path, share=1, most_bytes=most)
    second.offer_slowly([b"%04d" % number + bytes(1000) for number in range(120, 160)] + [bytes(most)])
    second.log.close()
    files = list(tmp_path.glob(PATTERN))
    assert len(files) > 3 and sum(file.stat().st_size for file in files) <= most
    # One is larger than a file may be.
    assert second.outcomes == {WRITTEN: 40, LEFT_OUT: 1}
    kept = [int(request.example[:4]) for request in ServedRequests(tmp_path)]
    assert kept == list(range(160 - len(kept), 160)) and len(kept) >= 35


def test_nobody_waits_for_a_disk_that_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    made = request_log_module.prediction_log

    def wait(**arguments) -> bytes:
        go_on.wait(30)
        return made(**arguments)

    monkeypatch.setattr(request_log_module, "prediction_log", wait)
    counted = Counted(tmp_path, share=1)
    started = time.monotonic()
    for _ in range(1000):
        counted.log.offer(b"x", {"click": np.zeros(1, np.float32)})
    assert time.monotonic() - started < 5
    assert counted.outcomes[LEFT_OUT] >= 700
    go_on.set()
    counted.log.close()
    assert counted.outcomes[WRITTEN] + counted.outcomes[LEFT_OUT] == 1000


def test_a_disk_that_fails_is_counted_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    counted = Counted(folder, share=1)
    folder.rmdir()
    counted.offer_slowly([b"a"])
    while not counted.outcomes[LEFT_OUT]:
        time.sleep(0.001)
    folder.mkdir()
    counted.offer_slowly([b"b"])
    counted.log.close()
    assert [request.example for request in ServedRequests(folder)] == [b"b"]


def test_half_a_record_at_the_end_is_told_and_left_out(tmp_path: Path) -> None:
    counted = Counted(tmp_path, share=1)
    counted.offer_slowly([b"a" * 50, b"b" * 50, b"c" * 50])
    counted.log.close()
    [file] = tmp_path.glob(PATTERN)
    whole = file.read_bytes()
    for length in (len(whole) - 1, len(whole) - 60):
        file.write_bytes(whole[:length])
        served = ServedRequests(tmp_path)
        assert [request.example[:1] for request in served] == [b"a", b"b"]
        assert served.cut_off == [file.name]


def test_folders_of_others_and_wrong_sizes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").touch()
    with pytest.raises(ConfigurationError, match="holds files of something else .'letters.txt'."):
        RequestLog(tmp_path, share=1)
    for share in (0, 1.5, float("nan")):
        with pytest.raises(ConfigurationError, match="above 0, at most 1"):
            RequestLog(tmp_path / "log", share=share)
    with pytest.raises(ConfigurationError, match="bytes of logged requests"):
        RequestLog(tmp_path / "log", share=1, most_bytes=0)
    with pytest.raises(InputDataError, match="has no logged requests"):
        ServedRequests(tmp_path)
