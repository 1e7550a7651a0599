"""Progress is a bar on a terminal and plain lines elsewhere."""

import io

import pytest
from rich.console import Console

from tfgrec import progress
from tfgrec.progress import stage_progress


def shown(console_options: dict, *, total: float | None, completed: float = 0, amounts: tuple[int, ...] = ()) -> str:
    file = io.StringIO()
    console = Console(file=file, width=160, **console_options)
    with stage_progress("sampling", total, unit="requests", completed=completed, console=console) as advance:
        for amount in amounts:
            advance(amount, loss=0.51234)
    return file.getvalue()


def test_a_log_file_gets_one_line_at_the_end_of_a_short_stage() -> None:
    text = shown({}, total=30, completed=10, amounts=(5, 15))
    assert text.count("\n") == 1 and "\x1b" not in text
    assert text.startswith("sampling: 30 of 30 requests") and "requests/s" in text and "loss 0.5123" in text


def test_a_log_file_gets_lines_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    lines = shown({}, total=30, amounts=(10, 10, 10)).splitlines()
    assert [line.split()[1] for line in lines] == ["10", "20", "30"]


def test_a_total_may_be_unknown() -> None:
    assert shown({}, total=None, amounts=(7,)).startswith("sampling: 7 requests")


def test_a_terminal_gets_a_bar() -> None:
    text = shown({"force_terminal": True}, total=20, amounts=(5, 15))
    assert "\x1b" in text and "20/20" in text and "loss 0.5123" in text


def test_work_done_before_is_left_out_of_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    file = io.StringIO()
    with stage_progress("sampling", 1020, completed=1000, console=Console(file=file, width=160)) as advance:
        now = 10.0
        advance(20)
    assert "  2.0 rows/s" in file.getvalue()


@pytest.mark.parametrize("width", [20, 40, 79, 80, 90, 120, 200])
def test_no_number_is_cut_in_a_narrow_terminal(width: int) -> None:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    values = {f"loss/task_{number}": 0.12345 + number for number in range(6)}
    with stage_progress("ranking [joint]", 1_234_567, unit="requests", console=console) as advance:
        advance(1_234_567, **values)
    last = file.getvalue().rpartition("ranking ")[2]
    assert "…" not in last
    words = last.split()
    assert all(f"{value:.4g}" in words for value in values.values()), last
    assert any("1234567" in word.replace(",", "") for word in words), last
