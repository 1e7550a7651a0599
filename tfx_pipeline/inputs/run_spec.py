"""What components know of a run, passed to them as text: so TFX's cache follows contents, on any machine."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

import tfgrec
from tfgrec.config import RunConfig, TablesConfig, dump_config, load_run_config, load_tables_config
from tfgrec.data.schema_file import read_graph_schema
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.schema import GraphSchema

_FILES = ("graph.pbtxt", "tables.yaml")
_SCHEMA = "schema"


@dataclasses.dataclass(frozen=True)
class RunSpec:
    """A run's configuration, whole or some sections of it, and the two files of its data set's schema folder.

    Attributes:
      config: sections of the configuration as JSON values.
      schema_files: name -> text.
      version: tfgrec's, since another one may do the same otherwise.
    """

    config: dict[str, Any]
    schema_files: dict[str, str]
    version: str = tfgrec.__version__

    @classmethod
    def of(cls, config: RunConfig, sections: Sequence[str] | None = None) -> "RunSpec":
        """Reads the schema folder; of the configuration only `sections` are taken, if given, so that a component is not
        run again for a change of what it does not read."""
        include = {"name", *sections} if sections is not None else None
        values = config.model_dump(mode="json", include=include, exclude={"schema_dir"})
        folder = Path(config.schema_dir)
        return cls(values, {name: (folder / name).read_text(encoding="utf-8") for name in _FILES})

    @classmethod
    def from_json(cls, text: str) -> "RunSpec":
        """Reads what `to_json` gave."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """One line, the same for equal contents."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    def write(self, folder: Path) -> RunConfig:
        """Writes config.yaml and schema/ into `folder`; returns the configuration, which has to be whole."""
        self._write_schema(folder)
        config = RunConfig.model_validate({**self.config, "schema_dir": _SCHEMA})
        dump_config(config, folder / "config.yaml")
        return load_run_config(folder / "config.yaml")

    def write_sections(self, folder: Path) -> RunConfig:
        """Writes schema/ into `folder`; returns a configuration of the sections taken, the rest at its defaults."""
        self._write_schema(folder)
        fields = RunConfig.model_fields
        sections = {
            name: TypeAdapter(fields[name].annotation).validate_python(values) for name, values in self.config.items()
        }
        return RunConfig.model_construct(set(sections), schema_dir=str(folder / _SCHEMA), **sections)

    def _write_schema(self, folder: Path) -> None:
        (folder / _SCHEMA).mkdir(parents=True, exist_ok=True)
        for name, text in self.schema_files.items():
            (folder / _SCHEMA / name).write_text(text, encoding="utf-8")


def read_schema(config: RunConfig) -> tuple[TablesConfig, GraphSchema]:
    """tables.yaml and graph.pbtxt of a configuration that `write` or `write_sections` returned."""
    tables = load_tables_config(config.schema_dir)
    return tables, read_graph_schema(Path(config.schema_dir) / "graph.pbtxt", tables)


def read_record_schema(config: RunConfig) -> GraphSchema:
    """What the records hold that a configuration samples."""
    return record_schema(read_schema(config)[1], config.sampling)
