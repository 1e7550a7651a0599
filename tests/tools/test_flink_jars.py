"""The jars of the Flink cluster: fetched once, of Beam's version alone. Maven is faked."""

from pathlib import Path

import pytest

from tools import flink_jars
from tools.python_stacks import SetupError


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on PATH but a shell's programs, and with stack A's Beam."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(flink_jars, "installed_beam_version", flink_jars.flink_beam_version)
    monkeypatch.setattr(
        flink_jars.shutil, "which", lambda name: found if (found := tmp_path / "bin" / name).exists() else None
    )
    return tmp_path


def give_maven(machine: Path, script: str) -> Path:
    maven = machine / "bin" / "mvn"
    maven.write_text(f"#!/bin/sh\n{script}\n")
    maven.chmod(0o755)
    return maven


def test_the_jars_are_fetched_once(machine: Path) -> None:
    # The last argument is -DoutputDirectory=...
    maven = give_maven(machine, 'for last in "$@"; do :; done; mkdir -p "${last#*=}"; echo x > "${last#*=}/a.jar"')
    jars = flink_jars.flink_jars()
    assert [jar.name for jar in jars.iterdir()] == ["a.jar"]
    maven.unlink()
    assert flink_jars.flink_jars() == jars
    assert [path.name for path in jars.parent.iterdir()] == [jars.name]


def test_a_failed_download_leaves_nothing_that_looks_whole(machine: Path) -> None:
    give_maven(machine, 'echo "Could not transfer artifact" >&2; exit 1')
    with pytest.raises(SetupError, match="Maven could not fetch Flink's jars:\nCould not transfer artifact"):
        flink_jars.flink_jars()
    assert not list((machine / "cache" / "tfgrec").iterdir())


def test_without_maven() -> None:
    with pytest.raises(SetupError, match=r"Maven \(mvn\) is not on PATH: install it"):
        flink_jars.flink_jars()


def test_another_version_of_beam(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flink_jars, "installed_beam_version", lambda: "2.77.0")
    with pytest.raises(SetupError, match=r"names the jars of Beam 2\.56\.0, this environment has apache-beam 2\.77\.0"):
        flink_jars.flink_jars()
    with pytest.raises(SetupError, match=r"there is no beam-runners-flink-\*-2\.77\.0\.jar"):
        flink_jars.flink_jars(str(machine))
    (machine / "beam-runners-flink-1.19-2.77.0.jar").touch()
    assert flink_jars.flink_jars(str(machine)) == machine
