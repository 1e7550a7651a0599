"""Where a run keeps what: one folder with everything of one run."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from tfgrec.config import RunConfig, dump_config, load_run_config
from tfgrec.credentials import refuse_credentials
from tfgrec.errors import ConfigurationError
from tfgrec.files import StrPath, exists, is_local, join, read_json, write_atomically
from tfgrec.generations import whole_folder
from tfgrec.model_versions import newest_version
from tfgrec.run.far_files import fetch_to_read
from tfgrec.run.fingerprint import fingerprint_file
from tfgrec.run.working_folder import local_folder, url_of

MADE_FROM = "made_from.json"


@dataclasses.dataclass(frozen=True)
class RunDirectory:
    """The paths of one run. Arms that are compared share the folder `data_root` for graph, examples and schema.

    Of a run at a URL, graph and examples are there, and all other paths are those of its working folder (see
    `tfgrec.run.working_folder`).

    Attributes:
      root: everything that the run writes.
      data_root: graph, examples and schema.
      examples_folder: the examples, where they lie elsewhere, perhaps at a URL; then there may be no graph.
    """

    root: Path
    data_root: Path
    examples_folder: StrPath | None = None

    @classmethod
    def at(cls, root: StrPath, data_root: StrPath | None = None, *, examples: StrPath | None = None) -> "RunDirectory":
        """A run that keeps its graph and examples itself, or finds them in `data_root`, or has its `examples` given."""
        refuse_credentials("run directory", str(root))
        return cls(
            root=local_folder(root),
            data_root=local_folder(root if data_root is None else data_root),
            examples_folder=Path(examples) if examples is not None and is_local(examples) else examples,
        )

    @classmethod
    def open(cls, root: StrPath) -> "RunDirectory":
        """A run that was started before, wherever its graph and examples are. One at a URL is fetched.

        Raises:
          ConfigurationError: there is no such run.
        """
        run = cls.at(root)
        fetch_to_read(run.root)
        run = cls.at(root, data_root=Path(run.read_config().schema_dir).parent)
        if run.data_root.resolve() != run.root.resolve():
            fetch_to_read(run.data_root)
        run.check_borrowed()
        return run

    def check_borrowed(self) -> None:
        """Refuses a run whose graph or records are another's, and not those that it was trained on.

        Raises:
          ConfigurationError: names what has changed.
        """
        if not self.borrowed.exists():
            return
        noted, found = read_json(self.borrowed), self.records_seals()
        changed = [
            name for name, seal in noted["records"].items() if found.get(name) is not None and found[name] != seal
        ]
        if changed:
            raise ConfigurationError(
                f"{self.root}: was trained on the records of {noted['from']}, whose {' and '.join(changed)} in "
                f"{self.data_root} changed since: make them again as they were, or train into a new --run-dir"
            )

    def records_seals(self) -> dict[str, str | None]:
        """What tells graph and examples from others: fingerprints of their manifests, None where there is none."""
        manifests = {"graph": self.graph_manifest, "examples": self.examples_manifest}
        return {name: fingerprint_file(path) if exists(path) else None for name, path in manifests.items()}

    @property
    def borrowed(self) -> Path:
        """Whose graph and examples a run trains on that has none of its own (JSON)."""
        return self.root / "records_from.json"

    @property
    def config(self) -> Path:
        """The resolved configuration, defaults included."""
        return self.root / "config.yaml"

    @property
    def schema(self) -> Path:
        """A copy of the schema folder, so that the run can be read without the place it came from."""
        return self.data_root / "schema"

    @property
    def graph(self) -> StrPath:
        """The graph store: a path, or a URL as text."""
        return self._of_data("graph")

    @property
    def graph_manifest(self) -> str:
        """What tells the graph from others."""
        return join(whole_folder(self.graph), "manifest.json")

    @property
    def examples(self) -> StrPath:
        """The sampled requests: a path, or a URL as text."""
        return self.examples_folder or self._of_data("examples")

    @property
    def examples_manifest(self) -> str:
        """What tells the sampled requests from others."""
        return join(whole_folder(self.examples), "manifest.json")

    @property
    def checkpoints(self) -> Path:
        """State of the training, to go on from and to load the trained model from."""
        return self.root / "checkpoints"

    @property
    def made_from(self) -> Path:
        """What the training whose checkpoints these are was made from (JSON)."""
        return self.checkpoints / MADE_FROM

    @property
    def meanings(self) -> Path:
        """What the variables in the checkpoints mean (JSON), see `tfgrec.training.variable_meanings`."""
        return self.checkpoints / "meanings.json"

    @property
    def embeddings(self) -> Path:
        """Vectors of nodes as of refresh times, of arm two_stage: a folder an encoder."""
        return self.root / "embeddings"

    @property
    def factors(self) -> Path:
        """Item factors of the match, fitted before the training (NumPy's npz)."""
        return self.root / "factors.npz"

    @property
    def training(self) -> Path:
        """Steps, seconds and arm of the finished training (JSON)."""
        return self.root / "training.json"

    @property
    def logs(self) -> Path:
        """TensorBoard events and history.jsonl."""
        return self.root / "logs"

    @property
    def history(self) -> Path:
        """One JSON a logged step."""
        return self.logs / "history.jsonl"

    @property
    def predictions(self) -> Path:
        """Labels and predictions of the validation split, one row a candidate."""
        return self.root / "predictions.parquet"

    @property
    def test_predictions(self) -> Path:
        """Those of the test split, where there is one."""
        return self.root / "test_predictions.parquet"

    @property
    def metrics(self) -> Path:
        """The metrics of the validation split, and of the test split where there is one."""
        return self.root / "metrics.json"

    @property
    def report(self) -> Path:
        """The report for people."""
        return self.root / "report.html"

    @property
    def export(self) -> Path:
        """Exported models, one folder a version."""
        return self.root / "export"

    @property
    def newest_export(self) -> Path | None:
        """The newest version of the exported model."""
        return newest_version(self.export)

    @property
    def index(self) -> Path:
        """Exported indexes of retrieval: a folder an item node set, in it one a version."""
        return self.root / "index"

    @property
    def stages(self) -> Path:
        """Records of finished stages."""
        return self.root / "stages"

    def link_graph(self, owner: Path) -> None:
        """Lets a run without a graph of its own read that of the run in `owner`, also where both are moved together."""
        link, target = self.data_root / "graph", os.path.relpath(owner / "graph", self.data_root)
        if url_of(link) is not None:
            write_atomically(self._graph_link, lambda file: file.write(target.encode()))
        elif not link.is_symlink():
            os.symlink(target, link)

    @property
    def _graph_link(self) -> Path:
        """A link as a file, since an object store has none."""
        return self.data_root / "graph.link"

    def _of_data(self, name: str) -> StrPath:
        path = self.data_root / name
        if url_of(path) is None:
            return path
        if name == "graph" and self._graph_link.exists():
            path = self.data_root / self._graph_link.read_text(encoding="utf-8")
        return url_of(path)

    def read_config(self, overrides: Sequence[str] = ()) -> RunConfig:
        """The configuration that the run was started with; `overrides` are as given to `--set`."""
        if not self.config.exists():
            raise ConfigurationError(f"{self.root}: is no run directory, it has no config.yaml")
        return load_run_config(self.config, overrides)

    def write_config(self, config: RunConfig) -> None:
        """Writes config.yaml; its schema_dir names the run's own copy."""
        relative = os.path.relpath(self.schema, self.root)
        dump_config(config.model_copy(update={"schema_dir": relative}), self.config)
