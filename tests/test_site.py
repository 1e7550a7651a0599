"""The documentation's site: every page is in it, and mkdocs builds it without a warning."""

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tfgrec.offered import OFFERED
from tools.site_links import without_outward_links

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def pages_in(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for entry in nav.values() if isinstance(nav, dict) else nav:
            yield from pages_in(entry)


def test_every_page_is_in_the_menu_once() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert sorted(pages_in(nav)) == sorted(path.name for path in DOCS.glob("*.md"))


def test_the_reference_has_all_that_is_offered() -> None:
    named = re.findall(r"^::: (.+)$", (DOCS / "reference.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(named) == sorted(f"{module}.{name}" for name, module in OFFERED.items())


def test_links_out_of_the_folder_become_paths() -> None:
    page = "See [configs/demo.yaml](../configs/demo.yaml), [a notebook](../notebooks/q.ipynb) and [it](model.md#arms)."
    told = "See `configs/demo.yaml`, a notebook (`notebooks/q.ipynb`) and [it](model.md#arms)."
    assert without_outward_links(page) == told
    assert [path.name for path in DOCS.glob("*.md") if "](../" in without_outward_links(path.read_text("utf-8"))] == []


def test_the_pictures_are_what_their_script_draws() -> None:
    draw = runpy.run_path(str(DOCS / "pictures" / "draw.py"))
    pictures = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "pictures").glob("*.svg")}
    assert pictures.keys() == {"architecture", "comparison", "report", "subgraph"}
    assert pictures["architecture"] == draw["architecture"]()
    results = (DOCS / "results.md").read_text(encoding="utf-8")
    assert pictures["comparison"] == draw["comparison"](results), "run `python docs/pictures/draw.py`"
    # Five contenders beside joint, three tasks each.
    assert pictures["comparison"].count('r="4"') == 5 * 3 + 3


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="needs tfgrec[docs]")
def test_it_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    # What mkdocs-material has to say of mkdocs' next version.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "true"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    reference = (tmp_path / "site" / "reference.html").read_text(encoding="utf-8")
    assert all(f'id="{module}.{name}"' in reference for name, module in OFFERED.items())
