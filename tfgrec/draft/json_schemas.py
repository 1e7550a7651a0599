"""JSON schemas of a run's YAML and of tables.yaml, by which editors complete keys and mark what can't be."""

import json
from typing import Any

from tfgrec.config import RunConfig, TablesConfig
from tfgrec.config.each import EACH, JSON_SCHEMA, PLACE

FOLDER = "editor"
RUN, TABLES = f"{FOLDER}/run.schema.json", f"{FOLDER}/tables.schema.json"


def editor_line(path: str) -> str:
    """The line of a YAML file that tells editors its schema, by its path from the file's folder."""
    return f"# yaml-language-server: $schema={path}"


def json_schemas() -> dict[str, str]:
    """The schemas as texts, by their paths below a folder."""
    schemas = {RUN: _run_schema(), TABLES: _tables_schema()}
    return {path: json.dumps(schema, indent=1) + "\n" for path, schema in schemas.items()}


def _run_schema() -> dict[str, Any]:
    schema = RunConfig.model_json_schema()
    schema["$defs"]["SmoothedRate"]["properties"][EACH] = JSON_SCHEMA
    sampling = schema["$defs"]["SamplingConfig"]["properties"]
    hop, history = sampling["hops"]["items"], sampling["history"]
    # A bare number stands for the fan-out, or for how many events.
    hop["additionalProperties"] = {"anyOf": [hop["additionalProperties"], {"type": "integer", "minimum": 0}]}
    history["additionalProperties"] = {"anyOf": [history["additionalProperties"], {"type": "integer", "minimum": 1}]}
    return schema


def _tables_schema() -> dict[str, Any]:
    schema = TablesConfig.model_json_schema()
    degree = schema["$defs"]["TemporalDegree"]["properties"]
    degree[EACH] = JSON_SCHEMA
    described = {name: {"description": of.get("description")} for name, of in degree.items()}
    for name in ("measure", "over_keys"):
        # Filled by `each`.
        default = {"default": degree[name].get("default")}
        degree[name] = {"anyOf": [{"const": PLACE}, degree[name]], **default, **described[name]}
    place = {"type": "integer", "minimum": 1}
    degree["nth_last"] = {"anyOf": [place, {"type": "array", "items": place}], "default": 1, **described["nth_last"]}
    path = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2}]}
    by_node_set = {"type": "object", "additionalProperties": path}
    through = [*path["anyOf"], by_node_set, {"type": "null"}]
    degree["through"] = {"anyOf": through, "default": None, **described["through"]}
    return schema
