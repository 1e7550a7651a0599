"""`import tfgrec` offers what its list says: lazily, to type checkers and on docs/api.md alike."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_documentation import fenced

import tfgrec
from tfgrec.offered import OFFERED

ROOT = Path(__file__).parents[1]
# In a process of its own: what this one has imported does not count.
IMPORT = """
import sys, time
started = time.process_time()
import tfgrec
seconds = time.process_time() - started
print(seconds, *(name for name in ("tensorflow", "numpy", "pydantic") if name in sys.modules))
"""


def test_importing_tfgrec_imports_nothing_that_takes_time() -> None:
    asked = [sys.executable, "-c", IMPORT]
    said = [subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split() for _ in "123"]
    assert all(len(words) == 1 for words in said), said
    assert min(float(seconds) for [seconds] in said) < 0.05


@pytest.mark.parametrize("name", sorted(OFFERED))
def test_what_is_offered_is_there_and_says_what_it_is_for(name: str) -> None:
    value = getattr(tfgrec, name)
    assert value is getattr(importlib.import_module(OFFERED[name]), name)
    assert value.__module__ == OFFERED[name] and value.__doc__
    assert name in dir(tfgrec)


def test_type_checkers_are_told_the_same() -> None:
    tree = ast.parse((ROOT / "tfgrec" / "__init__.py").read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    told = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    # Only a name that is imported as itself is offered to others.
    assert all(alias.asname == alias.name for node in block.body for alias in node.names)
    assert told == OFFERED


def test_the_page_has_a_row_for_each() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(?:tfgrec\.)?(\w+)[`(]", page, flags=re.MULTILINE)) == sorted(OFFERED)


def test_the_examples_of_the_page_do_what_it_says() -> None:
    names: dict = {}
    for program in fenced(ROOT / "docs" / "api.md", "python"):
        exec(program, names)
    weights, fused = names["weights"], names["fused"].numpy()
    assert weights["click"] < 1 < weights["like"] and sum(weights.values()) == pytest.approx(2)
    assert fused.shape == (3, 18) and np.abs(fused[:, :14] - 1).max() < 1e-6 and not fused[:, 14:].any()
    assert {task: logit.shape.as_list() for task, logit in names["logits"].items()} == {"click": [3], "like": [3]}


def test_no_name_of_a_module_is_offered() -> None:
    """`from tfgrec import x` would give one thing before, and another after the module was imported."""
    assert {path.stem for path in (ROOT / "tfgrec").iterdir()} & OFFERED.keys() == set()


def test_a_name_that_is_not_offered_is_told_as_python_does() -> None:
    with pytest.raises(AttributeError, match="module 'tfgrec' has no attribute 'tran'"):
        tfgrec.tran  # noqa: B018
