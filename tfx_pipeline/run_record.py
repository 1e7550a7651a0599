"""What ML Metadata knows of a pipeline's newest run: which components ran, how they ended, where their pages are."""

import dataclasses
from pathlib import Path

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.metadata import sqlite_metadata_connection_config

from tfx_pipeline.artifacts import HtmlPages

_STATES = {
    metadata_store_pb2.Execution.COMPLETE: "done",
    metadata_store_pb2.Execution.CACHED: "cached",
    metadata_store_pb2.Execution.FAILED: "failed",
    metadata_store_pb2.Execution.CANCELED: "cancelled",
}
_UNFINISHED = "unfinished"


@dataclasses.dataclass(frozen=True)
class ComponentRecord:
    """One component's part in a run.

    Attributes:
      name: its id in the pipeline.
      state: done, cached, failed, cancelled or unfinished.
      seconds: from its registration to its end; 0 for a cached one.
      outputs: folders of its output artifacts, by output key.
      pages: its HTML pages.
    """

    name: str
    state: str
    seconds: float
    outputs: dict[str, str]
    pages: tuple[Path, ...]


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A run: its id, the time at which it began, and its components in the order in which they ran."""

    run_id: str
    components: tuple[ComponentRecord, ...]

    def find(self, name: str) -> ComponentRecord | None:
        """A component that has run."""
        return next((component for component in self.components if component.name == name), None)

    @property
    def failed(self) -> ComponentRecord | None:
        """The component that stopped the run."""
        return next((component for component in self.components if component.state == "failed"), None)


def read_newest_run(metadata_file: Path) -> RunRecord | None:
    """Reads the newest run of a pipeline's SQLite metadata; None before the first component has begun."""
    store = MetadataStore(sqlite_metadata_connection_config(str(metadata_file)))
    runs = store.get_contexts_by_type("pipeline_run")
    if not runs:
        return None
    newest = max(runs, key=lambda context: context.name)
    executions = sorted(store.get_executions_by_context(newest.id), key=lambda execution: execution.id)
    return RunRecord(newest.name, tuple(_component(store, execution) for execution in executions))


def _component(store: MetadataStore, execution: metadata_store_pb2.Execution) -> ComponentRecord:
    outputs = _outputs(store, execution.id)
    state = _STATES.get(execution.last_known_state, _UNFINISHED)
    ended, began = execution.last_update_time_since_epoch, execution.create_time_since_epoch
    return ComponentRecord(
        name=_name(store, execution),
        state=state,
        seconds=0.0 if state == "cached" else (ended - began) / 1000,
        outputs={key: uri for key, uri, _ in outputs},
        pages=tuple(page for _, uri, kind in outputs if kind == HtmlPages.TYPE_NAME for page in _pages(uri)),
    )


def _name(store: MetadataStore, execution: metadata_store_pb2.Execution) -> str:
    """The component's id: the last part of the name of its context in the pipeline."""
    nodes = [context for context in store.get_contexts_by_execution(execution.id) if context.type == "node"]
    return nodes[0].name.rpartition(".")[2] if nodes else execution.type


def _outputs(store: MetadataStore, execution_id: int) -> list[tuple[str, str, str]]:
    """Key, folder and type of each output artifact."""
    events = store.get_events_by_execution_ids([execution_id])
    keys = {
        event.artifact_id: event.path.steps[0].key
        for event in events
        if event.type == metadata_store_pb2.Event.OUTPUT and event.path.steps
    }
    artifacts = store.get_artifacts_by_id(list(keys)) if keys else []
    return [(keys[artifact.id], artifact.uri, artifact.type) for artifact in artifacts]


def _pages(uri: str) -> list[Path]:
    return sorted(Path(uri).glob("*.html"))
