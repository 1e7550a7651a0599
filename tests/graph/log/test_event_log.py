"""A log keeps what was appended, whatever byte its writer died at; damage is told from an end that is missing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from tfgrec.errors import GraphStoreError
from tfgrec.graph.log import event_log
from tfgrec.graph.log.event_log import EventLog, EventLogWriter

WRITER = """
import sys, pyarrow as pa
from tfgrec.graph.log.event_log import EventLogWriter
log = EventLogWriter(sys.argv[1], durable=False)
for number in range(10**9):
    log.append({"a": rows(number, 7), "b": rows(number, 2)})
""".replace("for number", 'rows = lambda n, c: pa.RecordBatch.from_pydict({"n": [n] * c})\nfor number')


def rows(number: int, count: int = 1) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": [number] * count})


def numbers(log: EventLog, position: int = 0) -> list[tuple[str, list[int]]]:
    return [(table, batch.to_pydict()["n"]) for table, batch, _ in log.read(position)]


def test_reads_from_any_position_across_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_SEGMENT_BYTES", 700)
    writer, ends = EventLogWriter(tmp_path), [0]
    for number in range(12):
        ends.append(writer.append({"a": rows(number, 3), "b": rows(-number)}))
    log = EventLog(tmp_path)
    assert len(log.segments()) > 3
    for number, end in enumerate(ends):
        expected = [of for n in range(number, 12) for of in (("a", [n] * 3), ("b", [-n]))]
        assert numbers(log, end) == expected
    log.cut(ends[6])
    assert numbers(log, ends[6]) == [of for n in range(6, 12) for of in (("a", [n] * 3), ("b", [-n]))]
    with pytest.raises(GraphStoreError, match="open the newer store"):
        numbers(log, 0)
    assert log.end() == ends[-1]


def test_half_a_record_is_cut_off_at_every_byte(tmp_path: Path) -> None:
    writer = EventLogWriter(tmp_path / "log", durable=False)
    ends = [0, *(writer.append({"a": rows(number), "b": rows(number)}) for number in range(3))]
    writer.close()
    whole = next((tmp_path / "log").glob("*.events")).read_bytes()
    for size in range(len(whole) + 1):
        folder = tmp_path / "cut"
        folder.mkdir(exist_ok=True)
        file = folder / f"{0:020d}.events"
        # Zeros are what a power cut may leave.
        for rest in (b"", b"\0" * 40) if size in ends else (b"",):
            file.write_bytes(whole[:size] + rest)
            kept = sum(end <= size for end in ends) - 1
            assert numbers(EventLog(folder)) == [(t, [n]) for n in range(kept) for t in "ab"]
            again = EventLogWriter(folder, durable=False)
            assert file.stat().st_size == ends[kept]
            again.append({"c": rows(9)})
            again.close()
            assert numbers(EventLog(folder))[-1] == ("c", [9])


def test_a_changed_byte_is_damage_unless_it_is_in_the_last_record(tmp_path: Path) -> None:
    writer = EventLogWriter(tmp_path)
    ends = [writer.append({"a": rows(number)}) for number in range(3)]
    file = next(tmp_path.glob("*.events"))
    whole = file.read_bytes()
    for place in (0, 8, 30, ends[0] + 20):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(GraphStoreError, match="is damaged at byte"):
            numbers(EventLog(tmp_path))
    place = ends[1] + 20
    file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    assert len(numbers(EventLog(tmp_path))) == 2


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    writer = EventLogWriter(tmp_path)
    with pytest.raises(GraphStoreError, match=f"is written to by process {os.getpid()}: a log has one writer"):
        EventLogWriter(tmp_path)
    writer.close()
    EventLogWriter(tmp_path).close()


@pytest.mark.slow
def test_a_killed_writer_leaves_whole_records(tmp_path: Path) -> None:
    log, seen = EventLog(tmp_path), 0
    for wait in (0.3, 0.1, 0.5):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)])
        before = log.end()
        while log.end() <= before:
            time.sleep(0.02)
            assert process.poll() is None
        # A reader beside it never sees half a record.
        read = numbers(log)
        assert [table for table, _ in read] == ["a", "b"] * (len(read) // 2)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        EventLogWriter(tmp_path).close()
        read = numbers(log)
        assert len(read) > seen
        assert [(table, len(values)) for table, values in read] == [("a", 7), ("b", 2)] * (len(read) // 2)
        seen = len(read)
