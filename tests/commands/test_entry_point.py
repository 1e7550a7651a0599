"""How commands end: what a disk says is told in a line, mistakes of ours with their traceback."""

import errno
import os
from pathlib import Path

import pytest

from tfgrec.commands.entry_point import entry_point


def ended_by(error: BaseException) -> int:
    @entry_point
    def main(arguments: object) -> None:
        raise error

    return main([])


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.ENOTDIR])
def test_what_a_disk_says_is_told_in_a_line(number: int, capsys: pytest.CaptureFixture) -> None:
    error = OSError(number, os.strerror(number), "/run/logs")
    # Beam raises errors with errors in them.
    for raised in (error, OSError(error)):
        assert ended_by(raised) == 2
        assert capsys.readouterr().err == f"error: /run/logs: {os.strerror(number)}\n"
    assert ended_by(OSError(number, os.strerror(number))) == 2
    assert capsys.readouterr().err == f"error: {os.strerror(number)}\n"


def test_a_real_one_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    try:
        (tmp_path / "file" / "below").write_text("")
    except OSError as error:
        assert ended_by(error) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}/file/below: Not a directory\n"


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "No such file", "x"), OSError(), ValueError()])
def test_a_mistake_of_ours_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        ended_by(error)
