"""The container file says the same as the lock and the tree: no Docker is here to build it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_everything_that_is_copied_from_the_tree_is_there():
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, flags=re.MULTILINE)
    assert {"requirements/stack-a.lock", ".", "schemas", "configs"} == set(copied)
    assert all((ROOT / path).exists() for path in copied)


def test_python_and_beam_are_those_of_the_lock():
    lock = (ROOT / "requirements" / "stack-a.lock").read_text(encoding="utf-8")
    beam = re.search(r"^apache-beam==(\S+)$", lock, flags=re.MULTILINE).group(1)
    python = set(re.findall(r"^FROM python:(\d+\.\d+)-", DOCKERFILE, flags=re.MULTILINE))
    assert python == {"3.10"}
    assert re.findall(r"apache/beam_python(\S+)_sdk:(\S+)", DOCKERFILE) == [("3.10", beam)]


def test_what_the_build_does_not_need_is_left_out():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv", "runs"} <= set(ignored)
