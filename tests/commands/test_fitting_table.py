"""Rows in a terminal of any width, or in a pipe: no number is ever cut or broken."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given
from rich.console import Console

from tfgrec.commands.fitting_table import NOTHING, print_fitting
from tfgrec.commands.metrics_table import print_metrics

HEADINGS = ("arm", "task", "metric", "joint", "arm's", "difference", "low", "high")
ROWS = [
    ("without_auto_encoder", "is_click", "log_loss", "0.7584", "0.7577", "-0.0007", "-0.0016", "+0.0002"),
    ("[no_graph]", "watch_time", "mae", "14123.4567", "13999.1234", "-124.3333", "-130.1000", "[/]"),
]


def printed(width: int, **options: object) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, soft_wrap=True, highlight=False)
    print_fitting(console, title="less joint", headings=HEADINGS, texts=3, **{"rows": ROWS, **options})
    return file.getvalue()


@given(st.integers(1, 200))
def test_every_cell_is_whole_at_any_width(width: int) -> None:
    lines = printed(width).splitlines()
    for row in ROWS:
        assert any(all(re.search(rf"(^|[ │]){re.escape(cell)}($|[ │:,])", line) for cell in row) for line in lines), row
    assert "…" not in "".join(lines)


def test_a_wide_console_has_a_table_and_a_narrow_one_a_line_a_row() -> None:
    wide, narrow = printed(150), printed(40)
    assert "│" in wide and max(map(len, wide.splitlines())) <= 150
    numbers = "joint 0.7584, arm's 0.7577, difference -0.0007, low -0.0016, high +0.0002"
    assert narrow.splitlines() == [
        "less joint",
        f"without_auto_encoder is_click log_loss: {numbers}",
        "[no_graph] watch_time mae: joint 14123.4567, arm's 13999.1234, difference -124.3333, low -130.1000, high [/]",
    ]


def test_the_table_is_there_as_soon_as_it_fits() -> None:
    wanted = max(map(len, printed(200).splitlines()))
    assert "│" in printed(wanted) and "│" not in printed(wanted - 1)


def test_a_number_that_is_not_there_is_left_out_of_a_line() -> None:
    row = ("a", "b", "c", "1", NOTHING, "2", NOTHING, "3")
    assert printed(20, rows=[row]).splitlines()[-1] == "a b c: joint 1, difference 2, high 3"


def test_metrics_of_a_run_are_told_in_a_line_a_task() -> None:
    file = io.StringIO()
    metrics = {"is_click": {"auc": 0.75, "gauc": None}, "watch_time": {"mae": 12_345.6}}
    print_metrics(Console(file=file, width=20), metrics, ["is_click", "watch_time"], title="validation")
    assert file.getvalue().splitlines() == ["validation", "is_click: auc 0.7500", "watch_time: mae 12,346"]


PROGRAM = """
import json, sys
from rich.console import Console
from tfgrec.commands.fitting_table import print_fitting
headings, rows = json.loads(sys.argv[1])
print_fitting(Console(soft_wrap=True, highlight=False), title="t", headings=headings, texts=3, rows=rows)
"""


@pytest.mark.parametrize("environment", [{"COLUMNS": "40"}, {}])
def test_a_pipe_gets_whole_lines(environment: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, json.dumps([HEADINGS, ROWS])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == printed(40).splitlines()[1:]
