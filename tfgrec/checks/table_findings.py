"""What a look at the tables found, as it comes from the process that reads them."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class TableFinding:
    """One table: its files and their bytes; of the rows read, how many are bad, at most, for one use of the table.

    `whole` says whether the rows read are all that there are.
    """

    name: str
    files: int
    bytes: int
    rows: int | None = None
    bad_rows: int = 0
    whole: bool = False


@dataclasses.dataclass(frozen=True)
class DataFindings:
    """All tables in use, what is wrong, and what is worth knowing and no error; a line each."""

    tables: list[TableFinding]
    problems: list[str]
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "DataFindings":
        """The findings that `to_json` gave."""
        return cls([TableFinding(**table) for table in values["tables"]], values["problems"], values["notes"])
