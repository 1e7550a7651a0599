"""Which blessed model a run is given: by itself, and in TFX's own resolver, cache and metadata."""

import json
from pathlib import Path

from ml_metadata import MetadataStore
from tfx.components import Trainer
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.types import Channel
from tfx.types.standard_artifacts import Examples, Model, ModelBlessing

from tfx_pipeline.blessed_models import EarlierBlessedModelStrategy
from tfx_pipeline.training.trained_model import read_run


def model_of(folder: Path, number: int, fingerprint: str | None, span: int = 0) -> Model:
    """A Model artifact that says which run trained it, unless `fingerprint` is None."""
    model = Model()
    model.id, model.uri = number, str(folder / str(number))
    (folder / str(number) / "training").mkdir(parents=True)
    if fingerprint is not None:
        of = {"fingerprint": fingerprint, "span": span}
        (folder / str(number) / "training" / "run.json").write_text(json.dumps(of))
    return model


def blessing_of(model: Model, blessed: int = 1) -> ModelBlessing:
    blessing = ModelBlessing()
    blessing.id = 100 + model.id
    blessing.set_int_custom_property("blessed", blessed)
    blessing.set_int_custom_property("current_model_id", model.id)
    return blessing


def resolved(models: list[Model], blessings: list[ModelBlessing], *, fingerprint: str, span: int) -> list[int]:
    """Ids of the model and the blessing."""
    strategy = EarlierBlessedModelStrategy(fingerprint=fingerprint, span=span)
    found = strategy.resolve_artifacts(None, {"model": models, "model_blessing": blessings})
    assert found.keys() == {"model", "model_blessing"}
    return [artifact.id for key in found for artifact in found[key]]


def test_the_newest_blessed_model_of_another_run_up_to_the_day(tmp_path: Path) -> None:
    models = [model_of(tmp_path, 1, "a", 10), model_of(tmp_path, 2, "b", 11), model_of(tmp_path, 3, "c", 12)]
    blessings = [blessing_of(models[2]), blessing_of(models[0]), blessing_of(models[1])]
    assert resolved(models, blessings, fingerprint="d", span=12) == [3, 103]
    # The run that trained model 3, repeated; and days before it.
    assert resolved(models, blessings, fingerprint="c", span=12) == [2, 102]
    assert resolved(models, blessings, fingerprint="d", span=11) == [2, 102]
    assert resolved(models, blessings, fingerprint="d", span=9) == []


def test_what_is_not_blessed_or_says_nothing_of_its_run_is_passed_over(tmp_path: Path) -> None:
    models = [model_of(tmp_path, 1, "a", 10), model_of(tmp_path, 2, None), model_of(tmp_path, 3, "c", 10)]
    blessings = [blessing_of(models[0]), blessing_of(models[1]), blessing_of(models[2], blessed=0)]
    assert resolved(models, blessings, fingerprint="d", span=10) == [1, 101]
    (tmp_path / "1" / "training" / "run.json").write_text("{")
    assert resolved(models, blessings, fingerprint="d", span=10) == []
    assert resolved([], [], fingerprint="d", span=10) == []


def train(fn_args: FnArgs) -> None:
    """Stands in for the training: says which model it started from."""
    run, folder = fn_args.custom_config, Path(fn_args.serving_model_dir).parent
    (folder / "training").mkdir(parents=True)
    (folder / "training" / "run.json").write_text(json.dumps(run))
    (folder / "Format-Serving").mkdir()
    base = None if fn_args.base_model is None else read_run(str(Path(fn_args.base_model).parent)).fingerprint
    (folder / "base.json").write_text(json.dumps(base))


@component
def Bless(model: InputArtifact[Model], blessing: OutputArtifact[ModelBlessing], blessed: Parameter[int]):  # noqa: N802
    """Stands in for the Evaluator."""
    blessing.set_int_custom_property("blessed", blessed)
    blessing.set_int_custom_property("current_model_id", model.id)


def pipeline(root: Path, *, fingerprint: str, span: int, blessed: int = 1) -> Pipeline:
    of = {"fingerprint": fingerprint, "span": span}
    channels = {"model": Channel(type=Model), "model_blessing": Channel(type=ModelBlessing)}
    baseline = Resolver(strategy_class=EarlierBlessedModelStrategy, config=of, **channels).with_id("BlessedModel")
    properties = {"split_names": '["train", "eval"]'}
    examples = Importer(str(root / "examples"), Examples, properties=properties).with_id("Examples")
    trainer = Trainer(
        run_fn=f"{__name__}.train",
        examples=examples.outputs["result"],
        base_model=baseline.outputs["model"],
        custom_config=of,
    )
    bless = Bless(model=trainer.outputs["model"], blessed=blessed)
    return Pipeline(
        pipeline_name="blessings",
        pipeline_root=str(root / "root"),
        components=[baseline, examples, trainer, bless],
        enable_cache=True,
        metadata_connection_config=sqlite_metadata_connection_config(str(root / "metadata.sqlite")),
    )


def test_a_repeated_run_finds_its_training_in_the_cache(tmp_path: Path) -> None:
    for split in ("Split-train", "Split-eval"):
        (tmp_path / "examples" / split).mkdir(parents=True)

    def run(**of) -> list[tuple[str, str | None]]:
        """All models so far, each with the run that trained it and the run it started from."""
        LocalDagRunner().run(pipeline(tmp_path, **of))
        store = MetadataStore(sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite")))
        uris = [artifact.uri for artifact in store.get_artifacts_by_type("Model")]
        return [(read_run(uri).fingerprint, json.loads((Path(uri) / "base.json").read_text())) for uri in uris]

    models = [("monday", None)]
    assert run(fingerprint="monday", span=1) == models
    # TFX's own strategy would give it its own model now, and train again.
    assert run(fingerprint="monday", span=1) == models
    models += [("tuesday", "monday")]
    assert run(fingerprint="tuesday", span=2, blessed=0) == models
    assert run(fingerprint="tuesday", span=2, blessed=0) == models
    # Tuesday's was not blessed.
    models += [("wednesday", "monday")]
    assert run(fingerprint="wednesday", span=3) == models
    models += [("late monday", "monday")]
    assert run(fingerprint="late monday", span=1) == models
