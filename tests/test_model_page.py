"""docs/model.md and docs/tables.md have each key, its default and what its class says of it."""

import json
import re
import runpy
from pathlib import Path

import pytest
from pydantic import BaseModel

from tfgrec.config import model, tables, temporal_degrees
from tfgrec.config.base import FrozenConfig, described_attributes
from tfgrec.draft.json_schemas import RUN as RUN_SCHEMA
from tfgrec.draft.json_schemas import TABLES as TABLES_SCHEMA
from tfgrec.draft.json_schemas import json_schemas

DOCS = Path(__file__).parents[1] / "docs"
WRITER = runpy.run_path(str(DOCS / "key_tables.py"))
PAGES: dict[str, dict[str, type[BaseModel]]] = WRITER["PAGES"]
TEXTS = {name: (DOCS / name).read_text(encoding="utf-8") for name in PAGES}
PAGE, TABLES = TEXTS["model.md"], PAGES["model.md"]
EVERY_TABLE = {title: config for of_page in PAGES.values() for title, config in of_page.items()}


@pytest.mark.parametrize("name", PAGES)
def test_the_tables_are_what_the_classes_say(name: str) -> None:
    assert WRITER["with_tables"](name, TEXTS[name]) == TEXTS[name], "run `python docs/key_tables.py`"


def test_a_key_that_is_missing_is_put_back() -> None:
    """The test above would pass, too, if nothing were written."""
    broken = PAGE.replace("| `refits` | `16` |", "| `fits` | `17` |")
    assert broken != PAGE and WRITER["with_tables"]("model.md", broken) == PAGE


def test_the_page_of_tables_has_each_of_its_classes() -> None:
    of_modules = {**vars(tables), **vars(temporal_degrees)}.values()
    classes = {of for of in of_modules if isinstance(of, type) and issubclass(of, FrozenConfig)}
    assert set(PAGES["tables.md"].values()) == {of for of in classes - {FrozenConfig} if of.__name__[0] != "_"}


@pytest.mark.parametrize("title", sorted(EVERY_TABLE))
def test_every_key_of_a_table_says_what_it_is_for(title: str) -> None:
    fields = {name: field for name, field in EVERY_TABLE[title].model_fields.items() if name != "kind"}
    assert [name for name, field in fields.items() if not field.description] == []
    own = described_attributes(EVERY_TABLE[title].__doc__)
    assert own.keys() <= fields.keys() | {"kind"}, "the docstring tells of attributes that are not there"


@pytest.mark.parametrize("path", [RUN_SCHEMA, TABLES_SCHEMA])
def test_editors_are_told_of_every_key(path: str) -> None:
    schema = json.loads(json_schemas()[path])
    untold = {
        f"{name}.{key}"
        for name, config in {**schema["$defs"], "": schema}.items()
        for key, told in config.get("properties", {}).items()
        if not told.get("description") and key != "kind"
    }
    assert untold == set()


def test_editors_are_told_what_the_classes_say() -> None:
    schema = json.loads(json_schemas()[RUN_SCHEMA])
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
