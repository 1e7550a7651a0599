"""Writes the tables of docs/model.md and docs/tables.md, from what the configuration's classes say of their fields.

python docs/key_tables.py
"""

import re
from pathlib import Path

import yaml
from pydantic import BaseModel

from tfgrec.config import encodings, match, model, run, tables, temporal_degrees, training

DOCS = Path(__file__).parent
# By page, the heading or paragraph that a table is the first one below.
_OF_MODEL: dict[str, type[BaseModel]] = {
    "`kind: categorical`": encodings.CategoricalEncoding,
    "`kind: hashed`": encodings.HashedEncoding,
    "`kind: numeric`": encodings.NumericEncoding,
    "`kind: time_of`": encodings.TimeOfEncoding,
    "`model.rates.<name>`": encodings.SmoothedRate,
    "`model.encoder`": model.EncoderConfig,
    "`model.auto_encoder`": model.AutoEncoderConfig,
    "`model.fusion`": model.FusionConfig,
    "### The candidate match": match.MatchConfig,
    "### The match by item factors": match.FactorsConfig,
    "`model.towers`": model.TowersConfig,
    "`model.tasks.<name>`": model.TaskConfig,
    "`model.balancing`": model.BalancingConfig,
    "`pretraining`": run.PretrainingConfig,
    "## How long to train": training.EarlyStoppingConfig,
}
_OF_TABLES: dict[str, type[BaseModel]] = {
    "# tables.yaml": tables.TablesConfig,
    "## `tables.<name>`": tables.Table,
    "### `time`": tables.TimeColumn,
    "### `time.counted_back`": tables.CountedBackTime,
    "## `node_sets.<name>`": tables.NodeSetSource,
    "### A column": tables.Column,
    "## `edge_sets.<name>`": tables.EdgeSetSource,
    "### `sources`": tables.EdgeSource,
    "### `derived: {kind: co_watch}`": tables.CoWatch,
    "### `derived: {kind: swing}`": tables.Swing,
    "## `requests`": tables.Requests,
    "### `requests.sources`": tables.RequestSource,
    "### `requests.features.<name>`": tables.TimePart,
    "### `requests.temporal_degrees.<name>`": temporal_degrees.TemporalDegree,
    "### `shared_with_item: {edge_set: ...}`": temporal_degrees.SharedNeighbour,
    "### `shared_with_item: {edge_feature: ...}`": temporal_degrees.SharedFeature,
}
PAGES = {"model.md": _OF_MODEL, "tables.md": _OF_TABLES}


def main() -> None:
    """Rewrites the pages."""
    for name in PAGES:
        page = DOCS / name
        page.write_text(with_tables(name, page.read_text(encoding="utf-8")), encoding="utf-8")


def with_tables(name: str, page: str) -> str:
    """A page's text with each table as the classes have it.

    Raises:
      ValueError: the page has no such heading or paragraph, or no table below it.
    """
    for title, config in PAGES[name].items():
        [place] = [found.start() for found in re.finditer(rf"^(?:#+ )?{re.escape(title)}", page, flags=re.MULTILINE)]
        start = page.rindex("\n", 0, page.index("\n|---", place)) + 1
        end = f"{page}\n\n".index("\n\n", start)
        page = page[:start] + table_of(config, "kind" if "kind: " in title else None) + page[end:]
    return page


def table_of(config: type[BaseModel], left_out: str | None = None) -> str:
    """A row a field, those of the class before those that it shares with others."""
    own = config.__dict__.get("__annotations__", {})
    fields = sorted(config.model_fields.items(), key=lambda field: field[0] not in own)
    rows = [
        f"| `{field.alias or name}` | {_default(field)} | {_told(field)} |"
        for name, field in fields
        if name != left_out
    ]
    return "\n".join(["| key | default | |", "|---|---|---|", *rows])


def _told(field: object) -> str:
    return (field.description or "").removesuffix(".").replace("|", "\\|")


def _default(field: object) -> str:
    if field.is_required():
        return "required"
    text = yaml.safe_dump(field.default, default_flow_style=True, width=1000)
    return f"`{text.removesuffix(chr(10)).removesuffix('...').strip()}`"


if __name__ == "__main__":
    main()
