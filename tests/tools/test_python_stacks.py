"""The choice of stack and Python, on machines as they come."""

import sys

import pytest

from tools.python_stacks import Python, SetupError, choose, find_pythons

DEBIAN_12, DEBIAN_13 = (2, 36), (2, 41)


def pythons(*versions: str) -> list[Python]:
    return [Python(f"/usr/bin/python{text}", tuple(int(part) for part in text.split("."))) for text in versions]


@pytest.mark.parametrize(
    ("glibc", "versions", "wanted", "stack", "python"),
    [
        (DEBIAN_12, ["3.11", "3.10"], "", "A", "3.10"),
        (DEBIAN_12, ["3.13", "3.12", "3.11"], "", "A", None),
        (DEBIAN_13, ["3.13"], "", "B", "3.13"),
        (DEBIAN_13, ["3.10", "3.12"], "", "B", "3.12"),
        (DEBIAN_13, ["3.11", "3.14", "3.9", "3.12"], "", "B", "3.12"),
        (DEBIAN_13, ["3.10", "3.14"], "", "A", "3.10"),
        (DEBIAN_13, ["3.14"], "", "B", None),
        (DEBIAN_13, ["3.10", "3.13"], "a", "A", "3.10"),
        ((2, 39), ["3.12"], "B", "B", "3.12"),
    ],
)
def test_choice(glibc, versions, wanted, stack, python):
    chosen_stack, chosen_python = choose(glibc, pythons(*versions), wanted)
    assert chosen_stack.name == stack
    assert (chosen_python and chosen_python.path) == (python and f"/usr/bin/python{python}")


@pytest.mark.parametrize(
    ("glibc", "wanted", "message"),
    [
        (None, "", "Linux container"),
        ((2, 17), "", "needs glibc 2.28, this machine has 2.17"),
        (DEBIAN_12, "B", "stack B needs glibc 2.39, this machine has 2.36"),
        (DEBIAN_13, "C", "STACK=C: expected A or B"),
    ],
)
def test_machines_without_a_stack(glibc, wanted, message):
    with pytest.raises(SetupError, match=message):
        choose(glibc, pythons("3.10", "3.12"), wanted)


def test_pythons_that_do_not_run_are_passed_over(tmp_path):
    """A pyenv shim of a version that is not installed, a broken link, and a Python without venv."""
    shim, no_venv, broken = tmp_path / "python3.12", tmp_path / "python3.11", tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.12: command not found' >&2\nexit 127\n")
    no_venv.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'ensurepip'\" >&2\nexit 1\n")
    for script in (shim, no_venv):
        script.chmod(0o755)
    broken.symlink_to(tmp_path / "nowhere")
    found = list(find_pythons([str(shim), str(no_venv), str(broken), sys.executable]))
    assert [python.version for python in found] == [sys.version_info[:2]]


def test_a_virtual_environment_is_traced_to_its_base():
    """.venv may be the one that is about to be removed."""
    (python,) = find_pythons([sys.executable])
    assert not python.path.startswith(sys.prefix) or sys.prefix == sys.base_prefix


def test_pyenv_is_found_without_being_on_path(tmp_path, monkeypatch):
    home = tmp_path / "versions" / "3.10.99" / "bin"
    home.mkdir(parents=True)
    program = home / "python3"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n3 10\\n' {program}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Python(str(program), (3, 10)) in list(find_pythons())
