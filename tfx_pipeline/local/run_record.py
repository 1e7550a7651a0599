"""What ML Metadata knows of a pipeline's runs: which components ran, how they ended, where their pages are."""

import dataclasses
from collections.abc import Iterable, Iterator
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
_ENDED_WELL = {"done", "cached"}
# The component that no other waits for.
_LAST = "Pusher"
_RUN = "pipeline_run"


@dataclasses.dataclass(frozen=True)
class ComponentRecord:
    """One component's part in a run.

    Attributes:
      name: its id in the pipeline.
      state: done, cached, failed, cancelled or unfinished.
      seconds: from its registration to its end; 0 for a cached one.
      outputs: folders of its output artifacts, by output key.
      pages: its HTML pages.
      execution_id: its number in ML Metadata.
    """

    name: str
    state: str
    seconds: float
    outputs: dict[str, str]
    pages: tuple[Path, ...]
    execution_id: int


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

    @property
    def is_complete(self) -> bool:
        """Whether it came to its end. One that was killed between two components has none that failed."""
        ended_well = all(component.state in _ENDED_WELL for component in self.components)
        return ended_well and self.find(_LAST) is not None


def read_newest_run(metadata_file: Path) -> RunRecord | None:
    """Reads the newest run of a pipeline's SQLite metadata; None before the first component has begun."""
    store = MetadataStore(sqlite_metadata_connection_config(str(metadata_file)))
    return next(_newest_first(store, store.get_contexts_by_type(_RUN)), None)


def read_runs(store: MetadataStore, pipeline: metadata_store_pb2.Context) -> Iterator[RunRecord]:
    """Reads the runs of one pipeline, the newest first, each when it is asked for."""
    contexts = store.get_children_contexts_by_context(pipeline.id)
    return _newest_first(store, [context for context in contexts if context.type == _RUN])


def _newest_first(store: MetadataStore, runs: Iterable[metadata_store_pb2.Context]) -> Iterator[RunRecord]:
    # Their names are local times, which a clock that is put back gives twice.
    for run in sorted(runs, key=lambda context: context.id, reverse=True):
        executions = sorted(store.get_executions_by_context(run.id), key=lambda execution: execution.id)
        yield RunRecord(run.name, tuple(_component(store, execution) for execution in executions))


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
        execution_id=execution.id,
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
