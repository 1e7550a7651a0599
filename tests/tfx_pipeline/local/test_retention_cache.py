"""What is removed of old runs is neither found in TFX's cache nor given by a resolver: in TFX's own runner."""

import json
from pathlib import Path

from ml_metadata import MetadataStore
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.types import Channel
from tfx.types.standard_artifacts import Examples, Model, ModelBlessing, PushedModel

from tfx_pipeline.blessed_models import EarlierBlessedModelStrategy
from tfx_pipeline.local.retention import remove_old_runs
from tfx_pipeline.local.run_record import read_newest_run
from tfx_pipeline.training.trained_model import read_run


@component
def Records(examples: OutputArtifact[Examples], day: Parameter[int]):  # noqa: N802
    """Stands in for all that comes before the training."""
    Path(examples.uri, "records").write_text(str(day))


@component
def Train(  # noqa: N802
    examples: InputArtifact[Examples], model: OutputArtifact[Model], day: Parameter[int], name: Parameter[str]
):
    """Stands in for the Trainer."""
    assert Path(examples.uri, "records").read_text() == str(day)
    Path(model.uri, "training").mkdir()
    Path(model.uri, "training", "run.json").write_text(json.dumps({"fingerprint": name, "span": day}))


@component
def Bless(model: InputArtifact[Model], blessing: OutputArtifact[ModelBlessing]):  # noqa: N802
    """Stands in for the Evaluator, and is content."""
    blessing.set_int_custom_property("blessed", 1)
    blessing.set_int_custom_property("current_model_id", model.id)


@component
def Push(blessing: InputArtifact[ModelBlessing], pushed: OutputArtifact[PushedModel]):  # noqa: N802
    """Stands in for the Pusher."""


def pipeline(root: Path, day: int, name: str) -> Pipeline:
    channels = {"model": Channel(type=Model), "model_blessing": Channel(type=ModelBlessing)}
    config = {"fingerprint": name, "span": day}
    baseline = Resolver(strategy_class=EarlierBlessedModelStrategy, config=config, **channels).with_id("BlessedModel")
    records = Records(day=day)
    train = Train(examples=records.outputs["examples"], day=day, name=name)
    train.add_upstream_node(baseline)
    bless = Bless(model=train.outputs["model"])
    return Pipeline(
        pipeline_name="small",
        pipeline_root=str(root / "artifacts"),
        components=[baseline, records, train, bless, Push(blessing=bless.outputs["blessing"]).with_id("Pusher")],
        enable_cache=True,
        metadata_connection_config=sqlite_metadata_connection_config(str(root / "metadata.sqlite")),
    )


def test_what_is_removed_is_not_found_any_more(tmp_path: Path) -> None:
    store = MetadataStore(sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite")))
    places = {"artifacts": str(tmp_path / "artifacts"), "work": str(tmp_path / "work")}

    def run(day: int, name: str) -> tuple[set[str], list[str]]:
        """Which components were cached, and whose model it was given to compare with."""
        LocalDagRunner().run(pipeline(tmp_path, day, name))
        components = read_newest_run(tmp_path / "metadata.sqlite").components
        (resolver,) = (component for component in components if component.name == "BlessedModel")
        events = store.get_events_by_execution_ids([resolver.execution_id])
        given = store.get_artifacts_by_id([event.artifact_id for event in events])
        compared = [read_run(artifact.uri).fingerprint for artifact in given if artifact.type == "Model"]
        return {component.name for component in components if component.state == "cached"}, compared

    def retain() -> int:
        return remove_old_runs(store, pipeline_name="small", keep_runs=1, **places).folders

    assert run(1, "monday") == (set(), [])
    assert run(2, "tuesday") == (set(), ["monday"])
    # Monday's model is what Tuesday's was compared with.
    assert retain() == 1
    assert run(3, "wednesday") == (set(), ["tuesday"])
    assert retain() == 2
    everything = {"Records", "Train", "Bless", "Pusher"}
    assert run(3, "wednesday") == (everything, ["tuesday"])
    assert retain() == 0
    # With Monday's model, this run would be given it; with Monday's records, it would not make them.
    assert run(1, "monday again") == (set(), [])
