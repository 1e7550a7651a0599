"""docs/extending.md shows the code as it is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, flags=re.DOTALL)


def test_every_block_names_its_file() -> None:
    assert len(BLOCKS) == PAGE.count("```python")


@pytest.mark.parametrize(("path", "shown"), BLOCKS, ids=[path for path, _ in BLOCKS])
def test_what_is_shown_stands_in_the_file_in_this_order(path: str, shown: str) -> None:
    source, position = (ROOT / path).read_text(encoding="utf-8"), 0
    for part in (part.strip("\n") for part in shown.split("...\n")):
        position = source.find(part, position)
        assert position >= 0, f"{path} has no longer, or not in this place:\n{part}"


def test_the_places_of_the_table_are_there() -> None:
    places = re.findall(r"^\|.*\| `(\S+)` \|$", PAGE, flags=re.MULTILINE)
    assert len(places) == 6 and all((ROOT / place).exists() for place in places)
