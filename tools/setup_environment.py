"""Makes .venv from nothing: chooses a stack for this machine and installs what its lock file names.

Run as `python3 -m tools.setup_environment` (that is what `make setup` does); any python3 from 3.8 on will do. With
`lock` it makes the lock files anew instead (`make lock`).
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.python_stacks import STACK_A, STACK_B, Python, SetupError, Stack, choose, dotted, find_pythons, glibc_version
from tools.uv_settings import read_pip_settings, uv_environment, uv_options

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / "tfgrec-setup.json"
UV = "uv==0.13.9"


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", nargs="?", choices=["install", "lock"], default="install")
    parser.add_argument("--stack", default="", help="A or B; the newest that runs on this machine by default")
    parser.add_argument("--python", default="", help="the Python to use; found by itself by default")
    arguments = parser.parse_args()
    try:
        if arguments.action == "lock":
            compile_locks()
        elif not is_done(arguments.stack, arguments.python):
            install_alone(arguments.stack, arguments.python)
    except KeyboardInterrupt:
        sys.exit("setup: interrupted; the next `make setup` starts over")
    except SetupError as error:
        sys.exit(f"setup: {error}")
    except subprocess.CalledProcessError as error:
        command = " ".join(str(part) for part in error.cmd)
        sys.exit(f"setup: this command failed, with the reason above (exit code {error.returncode}):\n  {command}")


def is_done(wanted_stack: str, wanted_python: str) -> bool:
    """Tells whether .venv is whole, stands where it was made, and is of today's lock file and setup.py."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    expected = {
        "complete": True,
        "folder": str(ENVIRONMENT),
        "inputs": fingerprint(stamp.get("lock", "")),
        "stack": wanted_stack.upper() or stamp.get("stack"),
        "asked_python": wanted_python,
    }
    return all(stamp.get(key) == value for key, value in expected.items()) and python_runs(venv_program("python"))


def install_alone(wanted_stack: str, wanted_python: str) -> None:
    """Installs unless another process is doing so in this folder, which is waited for instead."""
    folder = os.open(ROOT, os.O_RDONLY)
    # The lock ends with this process, however it ends.
    fcntl.flock(folder, fcntl.LOCK_EX)
    if not is_done(wanted_stack, wanted_python):
        install(wanted_stack, wanted_python)


def install(wanted_stack: str, wanted_python: str) -> None:
    """Makes .venv anew. The stamp is written last, so that what an interruption leaves is not taken for whole."""
    start = time.monotonic()
    stack, python = find_stack_and_python(wanted_stack, wanted_python)
    require_compiler()
    say(f"stack {stack.name}, Python {dotted(python.version)} ({python.path})")
    clear_environment()
    run([python.path, "-m", "venv", ENVIRONMENT])
    install_uv(venv_program("python"))
    say(f"installing {stack.lock}")
    uv = [venv_program("uv"), "pip", "install", "--quiet", "--python", venv_program("python")]
    environment, options = uv_setup(venv_program("python"))
    # Where PYTHONDONTWRITEBYTECODE is set, as in many containers, each process would compile TensorFlow's sources anew.
    run([*uv, *options, "--compile-bytecode", "-r", ROOT / stack.lock], environment)
    run([*uv, *options, "--no-deps", "--no-build-isolation", "--editable", ROOT], environment)
    inputs = fingerprint(stack.lock)
    write_stamp(
        {
            "complete": True,
            "folder": str(ENVIRONMENT),
            "stack": stack.name,
            "lock": stack.lock,
            "asked_python": wanted_python,
            "inputs": inputs,
        }
    )
    say(f"done in {time.monotonic() - start:.0f} s: {ENVIRONMENT}/bin is ready")


def compile_locks() -> None:
    """Resolves setup.py anew for both stacks; run it after a change there, and commit the lock files."""
    uv = venv_program("uv")
    if not uv.exists():
        raise SetupError("run `make setup` first")
    environment, options = uv_setup(venv_program("python"))
    compile_command = [uv, "pip", "compile", "--quiet", "--upgrade", "--all-extras", *options]
    compile_command += ["--custom-compile-command", "make lock", ROOT / "setup.py"]
    linux = ["--python-version", "3.10", "--python-platform", "x86_64-manylinux_2_28"]
    run([*compile_command, *linux, "--output-file", ROOT / STACK_A.lock], environment)
    # One file for three Pythons: lines carry markers where the versions differ.
    run(
        [*compile_command, "--universal", "--python-version", "3.11", "--output-file", ROOT / STACK_B.lock], environment
    )


def find_stack_and_python(wanted_stack: str, wanted_python: str) -> tuple[Stack, Python]:
    """Chooses for this machine; where only a Python is missing, tries to have uv install one."""
    pythons = list(find_pythons([wanted_python] if wanted_python else None))
    stack, python = choose(glibc_version(), pythons, wanted_stack)
    if python is None and wanted_python:
        raise SetupError(f"--python {wanted_python}: stack {stack.name} needs Python {versions_of(stack)} with venv")
    return stack, python or install_python(stack)


def install_python(stack: Stack) -> Python:
    """Has uv download a Python for the stack.

    Raises:
      SetupError: it can't be downloaded from here; the message says what to install by hand.
    """
    version = dotted(stack.pythons[0])
    say(f"stack {stack.name} needs Python {versions_of(stack)}, none is here: trying `uv python install {version}`")
    try:
        with tempfile.TemporaryDirectory() as folder:
            run([sys.executable, "-m", "venv", folder])
            python = Path(folder) / "bin" / "python"
            install_uv(python)
            environment, _ = uv_setup(python)
            run([python.with_name("uv"), "python", "install", "--quiet", "--no-bin", version], environment)
            find = [python.with_name("uv"), "python", "find", "--managed-python", version]
            found = subprocess.run(find, env=environment, check=True, capture_output=True, text=True).stdout.strip()
    except subprocess.CalledProcessError as error:
        raise SetupError(
            f"install Python {versions_of(stack)} with its venv module and try again: `pyenv install {version}`, or "
            f"your distribution's python{version} and python{version}-venv packages (a Debian Python without its venv "
            "package counts as none)"
        ) from error
    return Python(found, stack.pythons[0])


def require_compiler() -> None:
    """Some requirements (pyfarmhash, crcmod) come as sources alone.

    Raises:
      SetupError: there is no C++ compiler.
    """
    if not (shutil.which("c++") or shutil.which("g++")):
        raise SetupError("a C++ compiler is needed: install g++ and Python's headers (python3-dev on Debian)")


def clear_environment() -> None:
    """Empties .venv but for a stamp that says it isn't whole; what an interrupted run left is cleared alike.

    Raises:
      SetupError: the .venv that is here was not made by this program.
    """
    if ENVIRONMENT.exists() and not STAMP.exists() and any(ENVIRONMENT.iterdir()):
        raise SetupError(f"{ENVIRONMENT} was not made by `make setup`: move it away first")
    ENVIRONMENT.mkdir(exist_ok=True)
    write_stamp({"complete": False})
    for path in ENVIRONMENT.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path != STAMP:
            path.unlink()


def fingerprint(lock: str) -> str:
    """Returns the hash of all that the installed environment depends on."""
    digest = hashlib.sha256(UV.encode())
    for path in (ROOT / lock, ROOT / "setup.py"):
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def install_uv(python: Path) -> None:
    """Installs uv with pip, by whatever settings pip has on this machine."""
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV])


def uv_setup(python: Path) -> tuple[dict[str, str], list[str]]:
    """Returns the environment and the options for uv that stand for pip's settings."""
    listing = subprocess.run([python, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True)
    settings = read_pip_settings(listing.stdout)
    return uv_environment(settings, os.environ), uv_options(settings)


def write_stamp(stamp: dict) -> None:
    """Writes the stamp in one step."""
    temporary = STAMP.with_suffix(".part")
    temporary.write_text(json.dumps(stamp, indent=2), encoding="utf-8")
    os.replace(temporary, STAMP)


def python_runs(python: Path) -> bool:
    """Tells whether the environment's Python is still there: an upgraded machine may have lost the one below it."""
    try:
        return subprocess.run([python, "-c", ""]).returncode == 0
    except OSError:
        return False


def venv_program(name: str) -> Path:
    """Returns the path of a program in .venv."""
    return ENVIRONMENT / "bin" / name


def versions_of(stack: Stack) -> str:
    """Names the stack's Python versions."""
    return " or ".join(dotted(version) for version in stack.pythons)


def run(command: list, environment: dict[str, str] | None = None) -> None:
    """Runs a command that must succeed."""
    subprocess.run(command, env=environment, cwd=ROOT, check=True)


def say(text: str) -> None:
    """Prints a line of progress at once."""
    print(f"setup: {text}", flush=True)


if __name__ == "__main__":
    main()
