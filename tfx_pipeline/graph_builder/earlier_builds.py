"""The stores that earlier executions built: which of them a new day can be added to, instead of reading all days."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from tfx.dsl.io import fileio

import tfgrec
from beam_jobs.build_graph import EarlierStore
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.errors import TfgrecError
from tfgrec.graph.schema import GraphSchema
from tfgrec.run.fingerprint import fingerprint_file
from tfgrec.stages.input_tables import InputTables
from tfx_pipeline.local_copies import local_input

# Beside a store's own files: what it was made from.
MADE_FROM = "made_from.json"


class EarlierBuilds:
    """The folders of earlier executions beside the one of this, and what this store will be made from.

    What a day is added to is the same as what is built from all days, byte for byte (TFX takes the one for the other
    when it looks into its cache): the earlier store has to be of the same version, with the same options, and made of
    logs that are all still there as they were. One exception: nodes that a rewritten table without times no longer
    names stay.

    Args:
      uri: the folder of this execution's store; its name is the execution's number.
      config: the run's configuration, of which `build` counts.
      tables, schema: of the data set.
      data: the folder of the tables.
    """

    def __init__(self, *, uri: str, config: RunConfig, tables: TablesConfig, schema: GraphSchema, data: str) -> None:
        self._parent, _, self._number = uri.rstrip("/").rpartition("/")
        self._tables, self._schema, self._data, self._options = tables, schema, data, config.build
        self.made_from: dict[str, Any] = {
            "tfgrec": tfgrec.__version__,
            "build": config.build.model_dump(mode="json"),
            "files": InputTables(data, tables).fingerprints(sorted(tables.tables), fingerprint_file),
        }

    @contextlib.contextmanager
    def newest_fitting(self, *, shared_dir: str) -> Iterator[tuple[EarlierStore | None, str]]:
        """The newest store that can be added to, a copy of it if it is not on a local disk, and where it is; or None
        and why there is none."""
        refusals = []
        with contextlib.ExitStack() as copies:
            for uri in self._siblings():
                opened = self._open(uri, copies, shared_dir)
                if isinstance(opened, EarlierStore):
                    yield opened, uri
                    return
                refusals.append(f"{uri}: {opened}")
            yield None, refusals[0] if refusals else "there is no earlier store"

    def _siblings(self) -> list[str]:
        """Folders of earlier executions, the newest first."""
        if not self._number.isdigit() or not fileio.isdir(self._parent):
            return []
        names = [name.rstrip("/") for name in fileio.listdir(self._parent)]
        earlier = [name for name in names if name.isdigit() and int(name) < int(self._number)]
        return [f"{self._parent}/{name}" for name in sorted(earlier, key=int, reverse=True)]

    def _open(self, uri: str, copies: contextlib.ExitStack, shared_dir: str) -> EarlierStore | str:
        """A store that can be added to, or why it can't."""
        try:
            refusal = self._refusal(uri)
            if refusal is not None:
                return refusal
            store = copies.enter_context(local_input(uri, shared_dir=shared_dir))
            earlier = EarlierStore.open(str(store), self._tables, self._schema, self._data)
            shards = self._options.shards or earlier.shards_of_all(self._data)
            return earlier if earlier.shards == shards else f"has {earlier.shards} shards, and now there are {shards}"
        except TfgrecError as error:
            return str(error)

    def _refusal(self, uri: str) -> str | None:
        """Why nothing can be added to a store, as far as it is told by what that one was made from."""
        path = f"{uri}/{MADE_FROM}"
        if not fileio.exists(path):
            return "was not finished"
        with fileio.open(path, "rb") as file:
            made_from = json.loads(file.read())
        for key in ("tfgrec", "build"):
            if made_from[key] != self.made_from[key]:
                return f"was built with another {key}: {made_from[key]}, now {self.made_from[key]}"
        for table, files in made_from["files"].items():
            now, is_log = self.made_from["files"].get(table, {}), self._tables.tables[table].time is not None
            for name, fingerprint in files.items():
                if name not in now:
                    return f"table '{table}': {name} is gone since"
                if is_log and now[name] != fingerprint:
                    return f"table '{table}': {name} has changed since"
        return None
