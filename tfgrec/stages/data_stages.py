"""The first stages of a run, which all arms share: from tables to audited records."""

import contextlib
import shutil
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from tfgrec import files
from tfgrec.config import RunConfig, TablesConfig, load_tables_config
from tfgrec.credentials import refuse_credentials
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.files import StrPath, write_atomically
from tfgrec.generations import is_generation, whole_folder
from tfgrec.run.fingerprint import fingerprint_file, fingerprint_files
from tfgrec.run.job_process import JobProcess
from tfgrec.run.known_fingerprints import KNOWN_TABLES, KnownFingerprints
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.stage_log import StageLog
from tfgrec.stages.input_tables import InputTables

# What a run keeps of a schema folder: the two that it reads, and the one that a pipeline reads.
_SCHEMA_FILES = ("graph.pbtxt", "tables.yaml", "examples.pbtxt")


class DataStages:
    """Beam jobs, run as processes of their own since tfgrec does not import Beam.

    Args:
      config: the run's configuration.
      run: where graph and examples go.
      data: the folder of the tables, perhaps at a URL.
      announce: told what is done or skipped, and why.
      jobs: runs the jobs, and is closed by who made it; None for a process of these stages' own.
      verify: whether all bytes of tables, graph and records are read to see that they are as they were; else manifests
        and what tells of a file that it was not changed decide.
    """

    def __init__(
        self,
        config: RunConfig,
        run: RunDirectory,
        data: StrPath,
        *,
        announce: Callable[[str], None] = print,
        jobs: JobProcess | None = None,
        verify: bool = False,
    ):
        refuse_credentials("--data", str(data))
        self._config = config
        self._run = run
        self._data = data
        self._stages = StageLog(run.stages, announce=announce)
        self._jobs = jobs or JobProcess()
        self._closing = contextlib.nullcontext() if jobs else contextlib.closing(self._jobs)
        self._verify = verify
        self._fingerprints = KnownFingerprints(run.stages / KNOWN_TABLES, again=verify)

    def run(self) -> None:
        """Brings graph and examples up to date.

        Raises:
          StageFailed: a job failed, and has said why.
          TfgrecError: the configuration or the data can't be used.
        """
        self.check()
        self._write_config()
        with self._closing:
            self._build_graph()
            self._sample()
            self._fingerprints.save()
            self._audit()

    def sample(self) -> None:
        """Brings examples up to date with a graph that is there, since another run made it.

        Raises:
          StageFailed: a job failed, and has said why.
          TfgrecError: the configuration or the data can't be used.
        """
        self.check()
        self._write_config()
        with self._closing:
            self._sample()
            self._fingerprints.save()
            self._audit()

    def check(self) -> None:
        """Looks for the tables, and writes nothing.

        Raises:
          InputDataError: names what is not there.
        """
        self._input_tables.check(self._run.root)

    def graph_inputs(self, schema: str | Path, *, tables: bool = True) -> dict[str, Any]:
        """What the graph is: all that is in it depends on these alone.

        Args:
          schema: the folder of graph.pbtxt and tables.yaml.
          tables: whether the tables' files are looked at.
        """
        data = {"data": self._fingerprint_tables(self._tables.tables)} if tables else {}
        return {**data, "schema": _fingerprint_schema(schema)}

    def examples_inputs(self, schema: str | Path, *, tables: bool = True) -> dict[str, Any]:
        """What the records are, as `graph_inputs` tells it of the graph."""
        of_requests = {source.table for source in self._tables.requests.sources}
        return {
            **self._graph(),
            **({"data": self._fingerprint_tables(of_requests)} if tables else {}),
            "schema": _fingerprint_schema(schema),
            "split": self._config.split.model_dump(mode="json"),
            "sampling": self._config.sampling.model_dump(mode="json"),
        }

    def audit_inputs(self, schema: str | Path) -> dict[str, Any]:
        """What the audit has looked at, as `graph_inputs` tells it of the graph."""
        return {
            "examples": fingerprint_file(self._run.examples_manifest),
            # Feedback delays and what a label is may change where no record does.
            "schema": _fingerprint_schema(schema),
            **self._graph(),
        }

    def _write_config(self) -> None:
        source, copy = Path(self._config.schema_dir), self._run.schema
        if source.resolve() != copy.resolve():
            for name in _SCHEMA_FILES:
                if (source / name).is_file():
                    _copy(source / name, copy / name)
        self._run.write_config(self._config)

    def _build_graph(self) -> None:
        def work() -> None:
            self._run_job("beam_jobs.build_graph", self._run.graph)

        inputs = {
            **self.graph_inputs(self._run.schema),
            "build": self._config.build.model_dump(mode="json"),
        }
        self._stages.run("graph", inputs=inputs, outputs=[self._run.graph], work=work, verify=self._check_graph)

    def _sample(self) -> None:
        def work() -> None:
            self._run_job("beam_jobs.sample_subgraphs", self._run.examples, "--graph", str(self._run.graph))

        inputs = {
            **self.examples_inputs(self._run.schema),
            # How many rows may be bad. Not the batch size: what the manifest tells of batches names their size.
            "build": self._config.build.model_dump(mode="json"),
        }
        self._stages.run(
            "examples", inputs=inputs, outputs=[self._run.examples], work=work, verify=self._check_examples
        )

    def _check_graph(self) -> None:
        # Brings pandas, which takes a second that `--help` need not wait for.
        from tfgrec.graph.store.graph_store import GraphStore

        store = GraphStore.open(self._run.graph)
        if self._verify:
            store.verify()

    def _check_examples(self) -> None:
        examples = ExamplesDirectory.open(self._run.examples)
        examples.check_statistics()
        if self._verify:
            examples.verify()

    def _audit(self) -> None:
        def work() -> None:
            folders = ("--examples", str(self._run.examples), "--graph", str(self._run.graph))
            self._jobs.run("beam_jobs.audit", "--config", str(self._run.config), *folders)

        inputs = self.audit_inputs(self._run.schema)
        audit = files.join(whole_folder(self._run.examples), "audit.json")
        self._stages.run("audit", inputs=inputs, outputs=[audit], work=work)

    def _run_job(self, module: str, output: StrPath, *arguments: str) -> None:
        common = ["--config", str(self._run.config), "--data", str(self._data), "--output", str(output)]
        _remove_leftovers(output)
        try:
            self._jobs.run(module, *common, *arguments)
        finally:
            _remove_leftovers(output)

    @cached_property
    def _tables(self) -> TablesConfig:
        return load_tables_config(self._config.schema_dir)

    @cached_property
    def _input_tables(self) -> InputTables:
        return InputTables(self._data, self._tables)

    def _fingerprint_tables(self, names: Iterable[str]) -> dict[str, str]:
        by_table = self._input_tables.fingerprints(names, self._fingerprints.of_file)
        return {path: told for of_table in by_table.values() for path, told in sorted(of_table.items())}

    def _graph(self) -> dict[str, str]:
        return {"graph": fingerprint_file(self._run.graph_manifest)}


def _fingerprint_schema(folder: str | Path) -> dict[str, str]:
    return fingerprint_files(Path(folder), (Path(folder) / name for name in ("graph.pbtxt", "tables.yaml")))


def _remove_leftovers(output: StrPath) -> None:
    """Removes the folders that a job leaves beside its output when it is killed; nobody will need them.

    On an object store these are generations of the output that never became the current one.
    """
    if not files.is_local(output):
        kept = whole_folder(output)
        for path in files.files_in(output):
            if is_generation(files.split(path)[1]) and path != kept:
                files.delete(path)
        return
    output = Path(output)
    for path in output.parent.iterdir():
        if path.name.startswith(tuple(f"{output.name}.{kind}-" for kind in ("unfinished", "replaced"))):
            shutil.rmtree(path)


def _copy(source: Path, target: Path) -> None:
    content = source.read_bytes()
    if not target.is_file() or target.read_bytes() != content:
        write_atomically(target, lambda file: file.write(content))
