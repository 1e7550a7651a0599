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
    monkeypatch.setattr("time.monotonic", lambda: now)
    file = io.StringIO()
    with stage_progress("sampling", 1020, completed=1000, console=Console(file=file, width=160)) as advance:
        now = 10.0
        advance(20)
    assert "  2.0 rows/s" in file.getvalue()


class Clock:
    """Stands in for time.monotonic."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


def test_the_rate_is_that_of_late_and_at_the_end_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, file = Clock(monkeypatch), io.StringIO()
    with stage_progress("sampling", 1_200, console=Console(file=file, width=160)) as advance:
        for second in range(1, 101):
            clock.now = float(second)
            # Ten a second, and from the fiftieth second on two.
            advance(10 if second <= 50 else 2)
    lines = file.getvalue().splitlines()
    assert lines[0] == "sampling: 150 of 1,200 rows  10 rows/s  1 min 45 s left"
    assert lines[5] == "sampling: 580 of 1,200 rows  2.0 rows/s  5 min 10 s left"
    assert lines[-1] == "sampling: 600 of 1,200 rows  6.0 rows/s"


def test_what_holds_a_stage_up_is_told_and_counts_for_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, file = Clock(monkeypatch), io.StringIO()
    with stage_progress("ranking", 40, console=Console(file=file, width=160)) as advance:
        with advance.held_up("TensorFlow compiles the training step"):
            clock.now += 62.0
        advance(10)
        clock.now += 3.0
        advance(30)
    assert file.getvalue().splitlines() == [
        "ranking: TensorFlow compiles the training step, which can take a minute",
        "ranking: goes on after 1 min 2 s",
        "ranking: 10 of 40 rows",
        "ranking: 40 of 40 rows  13 rows/s",
    ]


def test_a_total_may_be_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, file = Clock(monkeypatch), io.StringIO()
    with stage_progress("audit", unit="shards", console=Console(file=file, width=160)) as advance:
        clock.now += 20.0
        advance.total = 4
        advance(1)
    assert file.getvalue().splitlines()[0] == "audit: 1 of 4 shards  0.1 shards/s  1 min 0 s left"


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
