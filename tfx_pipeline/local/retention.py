"""Removes what old runs left on the disk and no later run needs: the setting `pipeline.keep_runs`.

The newest `keep_runs` complete runs keep all that they made or used, and so does every other run since the first of
them. Of what is older, graph stores, records, statistics and models go, and the unfinished work of runs that failed or
were killed. Always kept: the newest graph store, to which the next day is added; the two blessed models that were
trained last (a new run is compared with the newest and starts from it; so does the newest's own run, if it is
repeated, with the one before); pages and results for people; what was pushed.

An artifact is first marked in ML Metadata, so that neither TFX's cache nor a resolver gives it to a run any more; then
its folder is removed; then it is said to be gone. What a call that was killed has left is done by the next.
"""

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator

from ml_metadata import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import Artifact, Context, Execution
from tfx.dsl.io import fileio
from tfx.types import Artifact as TfxArtifact
from tfx.types.standard_artifacts import Examples, ExampleStatistics, Model, ModelBlessing, ModelRun

from tfgrec.errors import OutputError
from tfx_pipeline.artifacts import GraphStore
from tfx_pipeline.blessed_models import newest_blessed_first
from tfx_pipeline.local.folder_removal import remove_folder, why_not_removable
from tfx_pipeline.local.run_record import read_runs

_REMOVED_TYPES = {kind.TYPE_NAME for kind in (GraphStore, Examples, ExampleStatistics, Model, ModelRun)}
_BLESSED_MODELS = 2
_ENDED_WELL = (Execution.COMPLETE, Execution.CACHED)
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")


@dataclasses.dataclass
class Removal:
    """What was removed.

    Attributes:
      folders: how many.
      freed: their bytes.
      left: why others could not be removed.
    """

    folders: int = 0
    freed: int = 0
    left: list[str] = dataclasses.field(default_factory=list)

    def told(self) -> list[str]:
        """In sentences; none if there was nothing to remove."""
        lines = []
        if self.folders:
            lines.append(f"Removed what only earlier runs needed: {self.folders} folders, {self.freed / 1e9:,.2f} GB.")
        if self.left:
            lines.append(f"Left, though only earlier runs needed them: {len(self.left)}; {self.left[0]}")
        return lines

    def remove(self, folder: str, root: str) -> bool:
        """Removes a folder below `root`; returns whether it is gone."""
        try:
            self.freed += remove_folder(folder, root)
        except OutputError as error:
            self.left.append(str(error))
            return False
        self.folders += 1
        return True


def remove_old_runs(store: MetadataStore, *, pipeline_name: str, artifacts: str, work: str, keep_runs: int) -> Removal:
    """Removes what none of the newest complete runs needs; no run may be at work meanwhile.

    Args:
      store: ML Metadata.
      pipeline_name: only its runs count, and only what they made is removed.
      artifacts: where TFX lays out all artifacts, on any file system that TFX knows; without links in its path.
      work: where trainings keep what is not finished, a local folder.
      keep_runs: how many complete runs keep everything; as long as there are no more, nothing is removed.
    """
    history = _History.read(store, pipeline_name, keep_runs)
    removal = Removal()
    _mark(store, _superseded(store, history, artifacts, removal))
    for artifact in history.artifacts:
        if artifact.state == Artifact.MARKED_FOR_DELETION and removal.remove(artifact.uri, artifacts):
            artifact.state = Artifact.DELETED
            store.put_artifacts([artifact])
    for folder in _half_written(history, artifacts):
        removal.remove(folder, artifacts)
    for folder in _unfinished_trainings(history, work):
        removal.remove(folder, work)
    return removal


@dataclasses.dataclass(frozen=True)
class _History:
    """What a pipeline has done: executions of runs that are kept and of those that are not, and artifacts by id."""

    kept: list[Execution]
    forgotten: list[Execution]
    artifacts: list[Artifact]

    @classmethod
    def read(cls, store: MetadataStore, pipeline_name: str, keep_runs: int) -> "_History":
        pipeline = store.get_context_by_type_and_name("pipeline", pipeline_name)
        ids = _kept_executions(store, pipeline, keep_runs)
        executions = store.get_executions_by_context(pipeline.id)
        return cls(
            kept=[execution for execution in executions if execution.id in ids],
            forgotten=[execution for execution in executions if execution.id not in ids],
            artifacts=sorted(store.get_artifacts_by_context(pipeline.id), key=lambda artifact: artifact.id),
        )

    def live(self, *types: str) -> list[Artifact]:
        """Artifacts of some types that a run can be given, the oldest first."""
        return [artifact for artifact in self.artifacts if artifact.state == Artifact.LIVE and artifact.type in types]


def _kept_executions(store: MetadataStore, pipeline: Context, keep_runs: int) -> set[int]:
    """Those of the newest complete runs, and of all others since the first of them."""
    ids, complete = set(), 0
    for run in read_runs(store, pipeline):
        ids.update(component.execution_id for component in run.components)
        complete += run.is_complete
        if complete == keep_runs:
            break
    return ids


def _superseded(store: MetadataStore, history: _History, root: str, removal: Removal) -> Iterator[Artifact]:
    """What may go; notes what ought to, but lies where nothing is removed."""
    events = store.get_events_by_execution_ids([execution.id for execution in history.kept])
    needed = {event.artifact_id for event in events} | _always_kept(history)
    for artifact in history.live(*_REMOVED_TYPES):
        if artifact.id in needed:
            continue
        refusal = why_not_removable(artifact.uri, root)
        if refusal is None:
            yield artifact
        elif fileio.exists(artifact.uri):
            removal.left.append(refusal)


def _always_kept(history: _History) -> set[int]:
    """The newest graph store, and the blessed models that a run to come may be given."""
    models, blessings = (
        [_as_tfx(kind, artifact) for artifact in history.live(kind.TYPE_NAME)] for kind in (Model, ModelBlessing)
    )
    blessed = [model.id for model, _ in newest_blessed_first(models, blessings)]
    stores = [artifact.id for artifact in history.live(GraphStore.TYPE_NAME)]
    return {*blessed[:_BLESSED_MODELS], *stores[-1:]}


def _as_tfx(kind: type[TfxArtifact], artifact: Artifact) -> TfxArtifact:
    known = kind()
    known.set_mlmd_artifact(artifact)
    return known


def _mark(store: MetadataStore, artifacts: Iterable[Artifact]) -> None:
    marked = list(artifacts)
    for artifact in marked:
        artifact.state = Artifact.MARKED_FOR_DELETION
    if marked:
        store.put_artifacts(marked)


def _half_written(history: _History, root: str) -> list[str]:
    """Folders of executions that were killed: ML Metadata knows of no artifact in them, but they are named by the
    executions' numbers. (Of those that failed, TFX has removed them.)"""
    numbers = {str(execution.id) for execution in history.forgotten if execution.last_known_state not in _ENDED_WELL}
    outputs = [f"{root}/{component}/{output}" for component in _names(root) for output in _names(f"{root}/{component}")]
    return [f"{output}/{number}" for output in outputs for number in sorted(numbers.intersection(_names(output)))]


def _names(folder: str) -> list[str]:
    return [name.rstrip("/") for name in fileio.listdir(folder)] if fileio.isdir(folder) else []


def _unfinished_trainings(history: _History, work: str) -> list[str]:
    """Checkpoints of trainings that no run has come back to, as `training.run_fn` keeps them by fingerprint."""
    abandoned = _fingerprints(history.forgotten) - _fingerprints(history.kept)
    return [f"{work}/{fingerprint}" for fingerprint in sorted(abandoned) if fileio.isdir(f"{work}/{fingerprint}")]


def _fingerprints(executions: Iterable[Execution]) -> set[str]:
    """Of the trainings among some executions; other components have a `custom_config`, too, often null."""
    texts = [execution.custom_properties["custom_config"].string_value for execution in executions]
    settings = [values for values in (json.loads(text) for text in texts if text) if isinstance(values, dict)]
    found = {str(values.get("fingerprint")) for values in settings}
    return {fingerprint for fingerprint in found if _FINGERPRINT.fullmatch(fingerprint)}
