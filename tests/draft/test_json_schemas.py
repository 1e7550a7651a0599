"""The JSON schemas take this repository's own files, as the configuration classes do, and refuse misspelt keys."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tfgrec.commands import init
from tfgrec.draft.json_schemas import RUN, TABLES, json_schemas

jsonschema = pytest.importorskip("jsonschema")
ROOT = Path(__file__).parents[2]
RUNS = [ROOT / "configs" / f"{name}.yaml" for name in ("demo", "kuairand", "movielens")]
ALL_TABLES = sorted((ROOT / "schemas").glob("*/tables.yaml"))


def errors(schema: str, values: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(json.loads(json_schemas()[schema]))
    return [error.message for error in validator.iter_errors(values)]


@pytest.mark.parametrize(
    ("schema", "path"),
    [*((RUN, path) for path in RUNS), *((TABLES, path) for path in ALL_TABLES)],
    ids=lambda value: value if isinstance(value, str) else f"{value.parent.name}/{value.name}",
)
def test_own_files_are_valid(schema: str, path: Path) -> None:
    values = yaml.safe_load(path.read_text())
    assert errors(schema, values) == []
    assert errors(schema, {**values, "nmae": 1})


def test_bare_fan_outs_are_numbers_from_zero_on() -> None:
    values = yaml.safe_load(RUNS[0].read_text())
    values["sampling"]["hops"][0]["viewed"] = -1
    assert errors(RUN, values)


def test_the_command_writes_them_alone(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert init.main(["--json-schema", str(tmp_path)]) == 0
    found = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*.json")}
    assert found == json_schemas()
    assert init.main(["--json-schema", str(tmp_path)]) == 2
    assert "there already, and never overwritten" in capsys.readouterr().err
