"""All files of a draft, written into a folder where none of them is."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from tfgrec.draft.drafted_graph import draft_graph
from tfgrec.draft.drafted_split import draft_split
from tfgrec.draft.json_schemas import RUN, TABLES, editor_line, json_schemas
from tfgrec.draft.roles import Flags, Roles, find_roles
from tfgrec.draft.run_text import run_text
from tfgrec.draft.schema_text import graph_text, tables_text
from tfgrec.draft.table_looks import look_at_tables
from tfgrec.errors import OutputError
from tfgrec.files import write_atomically

RUN_FILE = "run.yaml"


@dataclasses.dataclass(frozen=True)
class Draft:
    """The files' texts by their paths, what was found, and what was left out with the reason."""

    files: dict[str, str]
    roles: Roles
    left: dict[str, str]


def make_draft(name: str, data: Path, flags: Flags, ignored: list[str]) -> Draft:
    """Looks at the tables in a folder and drafts what a run on them needs.

    Raises:
      TfgrecError: something can't be told; names the flag that tells it.
    """
    tables, not_tables = look_at_tables(data, ignored)
    roles = find_roles(tables, flags)
    graph = draft_graph(tables, roles)
    split = draft_split(data, roles)
    files = {
        "graph.pbtxt": graph_text(graph),
        "tables.yaml": tables_text(graph, editor_line(TABLES)),
        RUN_FILE: run_text(_run_name(name), graph, split, editor_line(RUN)),
        **json_schemas(),
    }
    left = {of: "is no CSV or Parquet file in the folder itself" for of in not_tables}
    return Draft(files, roles, {**left, **{of: why for of, why in graph.left.items() if "." not in of}})


def refuse_existing(folder: Path, names: Mapping[str, str] | list[str]) -> None:
    """Refuses to write where a file of a draft is.

    Raises:
      OutputError: names the files that are there.
    """
    there = [str(folder / name) for name in names if (folder / name).exists()]
    if there:
        raise OutputError(f"{', '.join(there)}: there already, and never overwritten: give another folder")


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Writes texts into a folder, each whole.

    Raises:
      OutputError: one is there already, or can't be written.
    """
    refuse_existing(folder, files)
    for name, text in files.items():
        write_atomically(folder / name, lambda file, text=text: file.write(text.encode("utf-8")))


def _run_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip("._-") or "run"
