"""`make setup`: when .venv counts as ready, and what an interruption leaves. The installation itself is faked."""

import sys

import pytest

from tools import setup_environment
from tools.python_stacks import STACK_A, Python, SetupError


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder in which installing is fast: no command runs, .venv gets a Python that does."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / STACK_A.lock).write_text("rich==13.0\n")
    (tmp_path / "setup.py").write_text("setup()\n")
    environment = tmp_path / ".venv"
    monkeypatch.setattr(setup_environment, "ROOT", tmp_path)
    monkeypatch.setattr(setup_environment, "ENVIRONMENT", environment)
    monkeypatch.setattr(setup_environment, "STAMP", environment / "tfgrec-setup.json")
    monkeypatch.setattr(setup_environment, "uv_setup", lambda python: ({}, []))
    monkeypatch.setattr(setup_environment, "find_pythons", lambda paths: [])
    monkeypatch.setattr(setup_environment, "choose", lambda *_: (STACK_A, Python(sys.executable, (3, 10))))

    def fake_run(command, environment_variables=None):
        if "venv" in command:
            (environment / "bin").mkdir()
            (environment / "bin" / "python").symlink_to(sys.executable)

    monkeypatch.setattr(setup_environment, "run", fake_run)
    return tmp_path


def test_ready_after_installation_until_an_input_changes(project):
    assert not setup_environment.is_done("", "")
    setup_environment.install("", "")
    assert setup_environment.is_done("", "")
    assert setup_environment.is_done("A", "")
    assert not setup_environment.is_done("B", "")
    assert not setup_environment.is_done("", "/another/python")
    (project / STACK_A.lock).write_text("rich==14.0\n")
    assert not setup_environment.is_done("", "")
    setup_environment.install("", "")
    assert setup_environment.is_done("", "")
    (project / "setup.py").write_text("setup(name='other')\n")
    assert not setup_environment.is_done("", "")


def test_an_interrupted_installation_is_not_taken_for_whole(project, monkeypatch):
    setup_environment.install("", "")
    (project / STACK_A.lock).write_text("rich==14.0\n")

    def interrupted(command, environment=None):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(setup_environment, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            setup_environment.install("", "")
    (project / STACK_A.lock).write_text("rich==13.0\n")  # What was whole before must not count as whole again.
    assert not setup_environment.is_done("", "")
    setup_environment.install("", "")
    assert setup_environment.is_done("", "")


def test_a_moved_environment_is_made_anew(project, monkeypatch):
    setup_environment.install("", "")
    elsewhere = project / "elsewhere"
    (project / ".venv").rename(elsewhere)
    monkeypatch.setattr(setup_environment, "ENVIRONMENT", elsewhere)
    monkeypatch.setattr(setup_environment, "STAMP", elsewhere / "tfgrec-setup.json")
    assert not setup_environment.is_done("", "")


def test_a_lost_python_is_noticed(project):
    setup_environment.install("", "")
    program = project / ".venv" / "bin" / "python"
    program.unlink()
    program.symlink_to(project / "gone")
    assert not setup_environment.is_done("", "")


def test_somebody_elses_environment_is_left_alone(project):
    (project / ".venv").mkdir()
    (project / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    with pytest.raises(SetupError, match="was not made by `make setup`"):
        setup_environment.install("", "")
    assert (project / ".venv" / "pyvenv.cfg").exists()


def test_a_missing_compiler_is_named_before_anything_is_done(project, monkeypatch):
    monkeypatch.setattr(setup_environment.shutil, "which", lambda name: None)
    with pytest.raises(SetupError, match=r"g\+\+"):
        setup_environment.install("", "")
    assert not (project / ".venv").exists()


def test_a_missing_python_is_named(project, monkeypatch):
    monkeypatch.setattr(setup_environment, "choose", lambda *_: (STACK_A, None))

    def failing(command, environment=None):
        raise setup_environment.subprocess.CalledProcessError(2, command)

    monkeypatch.setattr(setup_environment, "run", failing)
    with pytest.raises(SetupError, match=r"install Python 3\.10 with its venv module"):
        setup_environment.install("", "")
    with pytest.raises(SetupError, match=r"--python /usr/bin/python9: stack A needs Python 3\.10"):
        setup_environment.install("", "/usr/bin/python9")
