"""A pipeline's history as ML Metadata and the disk know it, written without TFX: many runs in no time."""

import dataclasses
import itertools
import json
from pathlib import Path

from ml_metadata import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import (
    Artifact,
    ArtifactType,
    Association,
    Attribution,
    ConnectionConfig,
    Context,
    ContextType,
    Event,
    Execution,
    ExecutionType,
    ParentContext,
)

from tfx_pipeline.local.retention import Removal, remove_old_runs

COMPLETE, CACHED, FAILED, RUNNING = Execution.COMPLETE, Execution.CACHED, Execution.FAILED, Execution.RUNNING
LIVE = Artifact.LIVE
REMOVED = {"tfx_pipeline.GraphStore", "Examples", "ExampleStatistics", "Model", "ModelRun"}
# In their order: what each is given, by the component that gives it, and what it gives, by output and type.
COMPONENTS = {
    "BlessedModel": ((), {}),
    "GraphBuilder": ((), {"graph": "tfx_pipeline.GraphStore"}),
    "SubgraphExampleGen": (("GraphBuilder",), {"examples": "Examples"}),
    "StatisticsGen": (("SubgraphExampleGen",), {"statistics": "ExampleStatistics"}),
    "Trainer": (("SubgraphExampleGen", "BlessedModel"), {"model": "Model", "model_run": "ModelRun"}),
    "Evaluator": (("Trainer", "BlessedModel"), {"blessing": "ModelBlessing", "evaluation": "ModelEvaluation"}),
    "ModelReport": (("Trainer", "Evaluator"), {"pages": "tfx_pipeline.HtmlPages"}),
    "Pusher": (("Trainer", "Evaluator"), {"pushed_model": "PushedModel"}),
}
BYTES = 100


@dataclasses.dataclass
class MadeUpRun:
    """What a run made or used (ids of artifacts), and folders that it was killed over."""

    complete: bool
    touched: set[int] = dataclasses.field(default_factory=set)
    half_written: list[Path] = dataclasses.field(default_factory=list)


class MadeUpPipeline:
    """Runs one after the other, with a cache such as TFX's; every artifact is a folder with a file of 100 bytes."""

    def __init__(self, root: Path, store: MetadataStore | None = None, name: str = "demo"):
        in_memory = ConnectionConfig()
        in_memory.fake_database.SetInParent()
        self.store = store or MetadataStore(in_memory)
        self.root, self.name, self.runs = root, name, []
        self._types = {
            kind: self.store.put_context_type(ContextType(name=kind)) for kind in ("pipeline", "pipeline_run", "node")
        }
        self._pipeline = self._context("pipeline", name)
        self._nodes = {component: self._context("node", f"{name}.{component}") for component in COMPONENTS}
        self._numbers = itertools.count()
        self._trained_for: dict[int, str] = {}
        self._blessed: dict[int, Artifact] = {}
        self._cache: dict[tuple, dict[str, Artifact]] = {}

    def run(self, day: str, *, blessed: bool = True, stop: tuple[str, int | None] | None = None) -> MadeUpRun:
        """A run for a day; stops at a component with a state, or before it begins with None."""
        context = self._context("pipeline_run", f"{self.name} {next(self._numbers):04}")
        self.store.put_parent_contexts([ParentContext(child_id=context.id, parent_id=self._pipeline.id)])
        run, given = MadeUpRun(complete=stop is None), {}
        self.runs.append(run)
        for component, (needs, outputs) in COMPONENTS.items():
            at_end, state = stop is not None and stop[0] == component, None if stop is None else stop[1]
            if at_end and state is None:
                break
            inputs = [artifact for source in needs for artifact in given[source].values()]
            contexts = [self._pipeline, context, self._nodes[component]]
            if at_end:
                execution = self._execution(component, day, state, contexts)
                self._record(execution, inputs, Event.INPUT, contexts)
                if state == RUNNING:
                    run.half_written = [self._folder(component, output, execution.id) for output in outputs]
                break
            if component == "BlessedModel":
                given[component] = self._resolve(day)
                execution = self._execution(component, day, COMPLETE, contexts)
                self._record(execution, given[component].values(), Event.INTERNAL_OUTPUT, contexts)
            else:
                given[component] = self._component(component, day, inputs, blessed, contexts)
            run.touched |= {artifact.id for artifact in (*inputs, *given[component].values())}
        return run

    def retain(self, keep_runs: int) -> Removal:
        places = {"artifacts": str(self.root / "artifacts"), "work": str(self.root / "work")}
        return remove_old_runs(self.store, pipeline_name=self.name, keep_runs=keep_runs, **places)

    def artifacts(self) -> list[Artifact]:
        """Of this pipeline, the oldest first."""
        return sorted(self.store.get_artifacts_by_context(self._pipeline.id), key=lambda artifact: artifact.id)

    def live(self, kind: str | None = None) -> set[int]:
        """Artifacts, of one type or of all, that a run can be given."""
        found = (artifact for artifact in self.artifacts() if artifact.state == LIVE)
        return {artifact.id for artifact in found if kind is None or artifact.type == kind}

    def newest_blessed(self, count: int) -> set[int]:
        return set(sorted(self._blessed.keys() & self.live("Model"), reverse=True)[:count])

    def _resolve(self, day: str) -> dict[str, Artifact]:
        """The newest blessed model of another day, with its blessing."""
        found = [number for number in self.newest_blessed(100) if self._trained_for[number] != day]
        if not found:
            return {}
        (model,) = self.store.get_artifacts_by_id([max(found)])
        return {"model": model, "blessing": self._blessed[model.id]}

    def _component(self, component, day, inputs, blessed, contexts) -> dict[str, Artifact]:
        key = (component, day, blessed, *(artifact.id for artifact in inputs))
        cached = self._cache.get(key, {})
        is_cached = bool(cached) and {artifact.id for artifact in cached.values()} <= self.live()
        execution = self._execution(component, day, CACHED if is_cached else COMPLETE, contexts)
        self._record(execution, inputs, Event.INPUT, contexts)
        if not is_cached:
            outputs = COMPONENTS[component][1].items()
            cached = {output: self._artifact(component, output, kind, execution.id) for output, kind in outputs}
            if component == "Evaluator":
                cached["blessing"].custom_properties["blessed"].int_value = int(blessed)
                cached["blessing"].custom_properties["current_model_id"].int_value = inputs[0].id
        self._record(execution, cached.values(), Event.OUTPUT, contexts)
        if component == "Trainer":
            self._trained_for[cached["model"].id] = day
        if component == "Evaluator" and blessed:
            self._blessed[inputs[0].id] = cached["blessing"]
        self._cache[key] = cached
        return cached

    def _context(self, kind: str, name: str) -> Context:
        context = Context(type_id=self._types[kind], name=name)
        (context.id,) = self.store.put_contexts([context])
        return context

    def _execution(self, component: str, day: str, state: int, contexts: list[Context]) -> Execution:
        kind = self.store.put_execution_type(ExecutionType(name=component))
        execution = Execution(type_id=kind, last_known_state=state)
        if component in ("Trainer", "Pusher"):
            settings = {"fingerprint": fingerprint_of(day)} if component == "Trainer" else None
            execution.custom_properties["custom_config"].string_value = json.dumps(settings)
        (execution.id,) = self.store.put_executions([execution])
        associations = [Association(execution_id=execution.id, context_id=context.id) for context in contexts]
        self.store.put_attributions_and_associations([], associations)
        return execution

    def _artifact(self, component: str, output: str, kind: str, number: int) -> Artifact:
        folder = self._folder(component, output, number)
        type_id = self.store.put_artifact_type(ArtifactType(name=kind))
        return Artifact(type_id=type_id, uri=str(folder), state=LIVE)

    def _folder(self, component: str, output: str, number: int) -> Path:
        folder = self.root / "artifacts" / component / output / str(number)
        (folder / "Split-train").mkdir(parents=True)
        (folder / "Split-train" / "part").write_bytes(bytes(BYTES))
        return folder

    def _record(self, execution, artifacts, kind: int, contexts: list[Context]) -> None:
        for artifact in artifacts:
            if not artifact.id:
                (artifact.id,) = self.store.put_artifacts([artifact])
                owners = [Attribution(artifact_id=artifact.id, context_id=context.id) for context in contexts]
                self.store.put_attributions_and_associations(owners, [])
            event = Event(artifact_id=artifact.id, execution_id=execution.id, type=kind)
            event.path.steps.add().key = "artifact"
            self.store.put_events([event])


def fingerprint_of(day: str) -> str:
    """As of a training's settings."""
    return f"{int(day):032x}"
