"""Writes the tables of docs/model.md, from what the configuration's classes say of their fields.

python docs/model_tables.py
"""

import re
from pathlib import Path

import yaml
from pydantic import BaseModel

from tfgrec.config import encodings, match, model, run, training

PAGE = Path(__file__).parent / "model.md"
# The heading or paragraph that a table is the first one below.
TABLES: dict[str, type[BaseModel]] = {
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


def main() -> None:
    """Rewrites the page."""
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def with_tables(page: str) -> str:
    """The page with each table as the classes have it.

    Raises:
      ValueError: the page has no such heading or paragraph, or no table below it.
    """
    for title, config in TABLES.items():
        [place] = [found.start() for found in re.finditer(rf"^(?:#+ )?{re.escape(title)}", page, flags=re.MULTILINE)]
        start = page.rindex("\n", 0, page.index("\n|---", place)) + 1
        end = page.index("\n\n", start)
        page = page[:start] + table_of(config, "kind" if title.startswith("`kind: ") else None) + page[end:]
    return page


def table_of(config: type[BaseModel], left_out: str | None = None) -> str:
    """A row a field, those of the class before those that it shares with others."""
    own = config.__dict__.get("__annotations__", {})
    fields = sorted(config.model_fields.items(), key=lambda field: field[0] not in own)
    rows = [
        f"| `{name}` | {_default(field)} | {(field.description or '').removesuffix('.').replace('|', chr(92) + '|')} |"
        for name, field in fields
        if name != left_out
    ]
    return "\n".join(["| key | default | |", "|---|---|---|", *rows])


def _default(field: object) -> str:
    if field.is_required():
        return "required"
    text = yaml.safe_dump(field.default, default_flow_style=True, width=1000)
    return f"`{text.removesuffix(chr(10)).removesuffix('...').strip()}`"


if __name__ == "__main__":
    main()
