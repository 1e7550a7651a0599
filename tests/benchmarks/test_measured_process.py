"""Memory is that of the measured process; failures tell what it said."""

from pathlib import Path

import pytest

from benchmarks.measured_process import run_measured

_MEGABYTE = 1 << 20


def test_memory_that_a_process_holds_for_a_moment_counts() -> None:
    hold = f"import time; held = bytearray({300 * _MEGABYTE}); time.sleep(0.5)"
    measured = run_measured("timeit", "--number=1", "--repeat=1", hold)
    assert 300 <= measured.peak_rss_mb <= 400
    assert measured.peak_rss_with_mapped_files_mb >= measured.peak_rss_mb
    assert "1 loop" in measured.output


def test_memory_of_a_child_counts() -> None:
    hold = f"import time; held = bytearray({200 * _MEGABYTE}); time.sleep(0.5)"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    assert 200 <= run_measured("timeit", "--number=1", "--repeat=1", start).peak_rss_mb <= 300


def test_a_failure_tells_what_the_process_said() -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        run_measured("timeit", "--number=1", "raise ValueError('no such thing')")


def test_bytes_that_a_process_reads_are_counted(tmp_path: Path) -> None:
    small, large = tmp_path / "small.py", tmp_path / "large.py"
    small.write_text("x = ''")
    large.write_text(f"x = '{'x' * 1_000_000}'")
    read = [int(run_measured("benchmarks.bytes_read", "py_compile", str(file)).output) for file in (small, large)]
    assert 1_000_000 <= read[1] - read[0] < 1_100_000
