"""docs/model.md has each key of the model's configuration, its default and what its class says of it."""

import json
import re
import runpy
from pathlib import Path

import pytest
from pydantic import BaseModel

from tfgrec.config import model
from tfgrec.config.base import described_attributes
from tfgrec.draft.json_schemas import json_schemas

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "model.md").read_text(encoding="utf-8")
WRITER = runpy.run_path(str(DOCS / "model_tables.py"))
TABLES: dict[str, type[BaseModel]] = WRITER["TABLES"]


def test_the_tables_are_what_the_classes_say() -> None:
    assert WRITER["with_tables"](PAGE) == PAGE, "run `python docs/model_tables.py`"


def test_a_key_that_is_missing_is_put_back() -> None:
    """The test above would pass, too, if nothing were written."""
    broken = PAGE.replace("| `refits` | `16` |", "| `fits` | `17` |")
    assert broken != PAGE and WRITER["with_tables"](broken) == PAGE


@pytest.mark.parametrize("title", sorted(TABLES))
def test_every_key_of_a_table_says_what_it_is_for(title: str) -> None:
    fields = {name: field for name, field in TABLES[title].model_fields.items() if name != "kind"}
    assert [name for name, field in fields.items() if not field.description] == []
    own = described_attributes(TABLES[title].__doc__)
    assert own.keys() <= fields.keys() | {"kind"}, "the docstring tells of attributes that are not there"


def test_editors_are_told_of_every_key_of_a_run() -> None:
    [text] = [text for path, text in json_schemas().items() if "run" in path]
    schema = json.loads(text)
    untold = {
        f"{name}.{key}"
        for name, config in {**schema["$defs"], "run": schema}.items()
        for key, told in config.get("properties", {}).items()
        if not told.get("description") and key != "kind"
    }
    assert untold == set()
    told = schema["$defs"]["EncoderConfig"]["properties"]["edge_dropout"]["description"]
    assert told == model.EncoderConfig.model_fields["edge_dropout"].description


def test_required_keys_are_named() -> None:
    required = {key for config in TABLES.values() for key, field in config.model_fields.items() if field.is_required()}
    assert [key for key in sorted(required) if f"`{key}`" not in PAGE] == []


def test_the_page_leaves_no_part_of_the_model_out() -> None:
    tabled = {re.sub(r"`|model\.|\.<name>", "", title) for title in TABLES} | {"match"}
    # Retrieval has a page of its own.
    assert set(model.ModelConfig.model_fields) - {"features", "numeric_transforms", "retrieval"} <= tabled
    assert "`model.numeric_transforms` (null)" in PAGE
