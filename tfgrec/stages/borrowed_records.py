"""A run that trains on the graph and the records of another one, and makes none of its own."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tfgrec
from tfgrec.config import RunConfig
from tfgrec.errors import ConfigurationError, TfgrecError
from tfgrec.files import StrPath, is_local, read_json, write_json
from tfgrec.run.lock import not_at_work
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.working_folder import url_of
from tfgrec.stages.data_stages import DataStages

_OPTION = "--records-from"
_AGAIN = "run the command that made it again, or leave --records-from out"


class BorrowedRecords:
    """Graph, records and schema in the folder of another run or comparison, which is read and never written to.

    Args:
      lender: the other run, as it was given to `tfgrec-train` or `tfgrec-compare`.
      config: the configuration of the run that borrows.
      data: the tables, to compare them with those that the records were made of; None: they are not compared.
      verify: whether all bytes of tables, graph and records are read.

    Raises:
      ConfigurationError: there is no such run.
    """

    def __init__(self, lender: StrPath, config: RunConfig, data: StrPath | None, *, verify: bool = False):
        if not is_local(lender):
            raise ConfigurationError(f"{_OPTION} {lender}: records are borrowed of runs on a disk alone, not at a URL")
        self._lender, self._config, self._data, self._verify = lender, config, data, verify
        # That of whom it has borrowed itself.
        self._source = RunDirectory.at(RunDirectory.open(lender).data_root)

    @property
    def data_root(self) -> Path:
        """The folder that graph, examples and schema are in."""
        return self._source.root

    def check(self) -> None:
        """Compares the records with the configuration, by what their stages were made from; and looks at all files, of
        which it reads all bytes if it is to `verify`.

        Raises:
          ConfigurationError: they were made otherwise, are not whole or not audited; names all that differs.
        """
        # Bring pandas, which takes a second that `--help` need not wait for.
        from tfgrec.data.examples_directory import ExamplesDirectory
        from tfgrec.graph.store.graph_store import GraphStore

        schema, tables = self._config.schema_dir, self._data is not None
        if tables:
            self._stages.check()
        found = [
            *self._differences("graph", self._stages.graph_inputs(schema, tables=tables)),
            *self._differences("examples", self._stages.examples_inputs(schema, tables=tables)),
        ]
        if found:
            told = "".join(f"\n  {line}" for line in dict.fromkeys(found))
            raise ConfigurationError(f"{self._where}: its records are not what this configuration asks for:{told}")
        self._check_audit()
        try:
            store, examples = GraphStore.open(self._source.graph), ExamplesDirectory.open(self._source.examples)
            examples.check_statistics()
            if self._verify:
                store.verify()
                examples.verify()
        except TfgrecError as error:
            raise ConfigurationError(f"{self._where}: {error}; {_AGAIN}") from error

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the other run from making its records anew meanwhile.

        Raises:
          ConfigurationError: it is at work.
        """
        with not_at_work(self.data_root, option=_OPTION), not_at_work(self._graph_root, option=_OPTION):
            yield

    def check_run(self, run: RunDirectory) -> None:
        """Refuses a run that has records of its own, or that has begun with others.

        Raises:
          ConfigurationError: says so.
        """
        if url_of(run.root) is not None:
            raise ConfigurationError(f"--run-dir {url_of(run.root)}: {_OPTION} is for runs on a disk, not at a URL")
        own = [name for name in ("graph", "examples") if (run.root / name).exists()]
        if own:
            raise ConfigurationError(
                f"--run-dir {run.root}: has {' and '.join(own)} of its own: choose a new folder, or leave {_OPTION} out"
            )
        run.check_borrowed()

    def note(self, run: RunDirectory) -> None:
        """Writes down which records a run trains on; it is refused from then on where they have changed."""
        if not run.borrowed.exists():
            write_json(run.borrowed, {"from": str(self._lender), "records": run.records_seals()})

    @property
    def _graph_root(self) -> Path:
        """The folder that the graph was built in: a comparison's variants with records of their own link to it."""
        return Path(self._source.graph).resolve().parent

    @property
    def _where(self) -> str:
        return f"{_OPTION} {self._lender}"

    @property
    def _stages(self) -> DataStages:
        return DataStages(
            self._config, self._source, self._data or Path(), announce=lambda _: None, verify=self._verify
        )

    def _differences(self, stage: str, asked: Mapping[str, Any]) -> Iterator[str]:
        recorded = self._recorded(stage)
        if (version := recorded.get("tfgrec")) != tfgrec.__version__:
            yield f"tfgrec: was {version}, is {tfgrec.__version__}"
        for key, values in json.loads(json.dumps(asked)).items():
            yield from _told(key, recorded.get(key), values)

    def _check_audit(self) -> None:
        asked = self._stages.audit_inputs(self._config.schema_dir)
        if any(self._recorded("audit").get(key) != values for key, values in asked.items()):
            raise ConfigurationError(f"{self._where}: its records have changed since their audit; {_AGAIN}")

    def _recorded(self, stage: str) -> Mapping[str, Any]:
        path = (RunDirectory.at(self._graph_root) if stage == "graph" else self._source).stages / f"{stage}.json"
        try:
            return dict(read_json(path)["inputs"])
        except (TfgrecError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"{self._where}: {path} does not say what stage {stage} was made from: it did not finish; {_AGAIN}"
            ) from error


def _told(key: str, recorded: Any, asked: Any) -> Iterator[str]:
    """A line for each value that differs, with its key."""
    if recorded == asked:
        return
    if isinstance(recorded, Mapping) and isinstance(asked, Mapping):
        for name in dict.fromkeys([*recorded, *asked]):
            yield from _told(f"{key}.{name}", recorded.get(name), asked.get(name))
    elif isinstance(recorded, list) and isinstance(asked, list) and len(recorded) == len(asked):
        for number, values in enumerate(zip(recorded, asked, strict=True)):
            yield from _told(f"{key}.{number}", *values)
    elif key.startswith(("data.", "schema.", "graph")):
        yield f"{key}: {'is not there now' if asked is None else 'was not there' if recorded is None else 'differs'}"
    else:
        yield f"{key}: was {json.dumps(recorded)}, is {json.dumps(asked)}"
