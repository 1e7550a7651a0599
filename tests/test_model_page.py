"""docs/model.md names every key of the model's configuration, with its default."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from tfgrec.config import encodings, model, run, training

PAGE = (Path(__file__).parents[1] / "docs" / "model.md").read_text(encoding="utf-8")
TABLES: dict[str, type[BaseModel]] = {
    "`kind: categorical`": encodings.CategoricalEncoding,
    "`kind: hashed`": encodings.HashedEncoding,
    "`kind: numeric`": encodings.NumericEncoding,
    "`kind: time_of`": encodings.TimeOfEncoding,
    "`model.rates.<name>`": encodings.SmoothedRate,
    "`model.encoder`": model.EncoderConfig,
    "`model.auto_encoder`": model.AutoEncoderConfig,
    "`model.fusion`": model.FusionConfig,
    "### The candidate match": model.MatchConfig,
    "### The match by item factors": model.FactorsConfig,
    "`model.towers`": model.TowersConfig,
    "`model.tasks.<name>`": model.TaskConfig,
    "`model.balancing`": model.BalancingConfig,
    "`pretraining`": run.PretrainingConfig,
    "## How long to train": training.EarlyStoppingConfig,
}


def keys_and_defaults(title: str) -> dict[str, object]:
    """The first table below the heading or paragraph that begins with `title`."""
    [text] = re.findall(rf"^(?:#+ )?{re.escape(title)}(.*?)(?=^#|\Z)", PAGE, flags=re.DOTALL | re.MULTILINE)
    table = text.split("|---|---|---|\n")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` \|", table, flags=re.MULTILINE)
    return {key: yaml.safe_load(default) for key, default in rows}


@pytest.mark.parametrize("title", sorted(TABLES))
def test_a_table_holds_all_optional_keys_and_their_defaults(title: str) -> None:
    fields = TABLES[title].model_fields.items()
    in_heading = "kind" if title.startswith("`kind: ") else None
    expected = {key: field.default for key, field in fields if not field.is_required() and key != in_heading}
    assert keys_and_defaults(title) == expected


def test_required_keys_are_named() -> None:
    required = {key for config in TABLES.values() for key, field in config.model_fields.items() if field.is_required()}
    assert [key for key in sorted(required) if f"`{key}`" not in PAGE] == []


def test_the_page_leaves_no_part_of_the_model_out() -> None:
    tabled = {re.sub(r"`|model\.|\.<name>", "", title) for title in TABLES} | {"match"}
    # Retrieval has a page of its own.
    assert set(model.ModelConfig.model_fields) - {"features", "numeric_transforms", "retrieval"} <= tabled
    assert "`model.numeric_transforms` (null)" in PAGE
