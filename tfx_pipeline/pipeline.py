"""The pipeline as a graph of TFX components: from tables to a pushed model. Every runner takes the same one."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from tfx.components import Evaluator, ExampleValidator, ImportExampleGen, Pusher, StatisticsGen, Trainer
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2, pusher_pb2, trainer_pb2
from tfx.types import Channel
from tfx.types.standard_artifacts import Model, ModelBlessing

from tfgrec.close_match import suggestion
from tfgrec.config import RunConfig
from tfgrec.config.training import TrainingConfig
from tfgrec.credentials import refuse_in_arguments
from tfgrec.errors import ConfigurationError
from tfx_pipeline.beam_options import without_package
from tfx_pipeline.blessed_models import EarlierBlessedModelStrategy
from tfx_pipeline.data_validation.data_gate import DataGate
from tfx_pipeline.data_validation.distances import drift_config, skew_config
from tfx_pipeline.data_validation.distribution_validator import DistributionValidator
from tfx_pipeline.data_validation.serving_validator import ServingValidator
from tfx_pipeline.data_validation.statistics import statistics_options
from tfx_pipeline.evaluation.eval_config import eval_config
from tfx_pipeline.graph_builder.component import GraphBuilder
from tfx_pipeline.infra_validation import infra_validator
from tfx_pipeline.inputs.days import span_of, told_days
from tfx_pipeline.inputs.run_spec import RunSpec
from tfx_pipeline.leakage_audit.component import LeakageAudit
from tfx_pipeline.reports.data_report import DataReport
from tfx_pipeline.reports.model_report import ModelReport
from tfx_pipeline.subgraph_example_gen.component import SubgraphExampleGen

_DEFAULT = "default"
_SERVING = "serving"


@dataclasses.dataclass(frozen=True)
class Places:
    """Where a pipeline reads and writes; any of them may be on any file system that TFX and Beam know.

    Attributes:
      data: the folder of the tables.
      root: of all artifacts.
      schema_file: the curated TFMD schema of the examples; a new content needs a new path.
      serving: the folder that TF Serving watches.
      work: keeps what an unfinished training has done; "": nowhere, it starts anew.
      shared: a folder that all workers of a Beam runner elsewhere see, for the graph store; "": none is needed.
      serving_examples: tf.Examples as they are served, to be compared with those of training; "": none.
    """

    data: str
    root: str
    schema_file: str
    serving: str
    work: str = ""
    shared: str = ""
    serving_examples: str = ""


def create_pipeline(
    *,
    config: RunConfig,
    places: Places,
    tables_fingerprint: str,
    resumable: bool,
    infra_validation: bool = False,
    beam_options: Sequence[str] = (),
    metadata_connection: Any = None,
) -> Pipeline:
    """The pipeline of one run.

    Args:
      config: of the run; the newest day of its split is the run's span.
      places: where it reads and writes.
      tables_fingerprint: changes when the tables do: then, and only then, the graph is built again.
      resumable: whether a repeated run compares with, and starts from, the model that its first attempt did; with a
        strategy of our own, which Kubeflow does not take: there it is always the newest blessed model.
      infra_validation: whether TF Serving is started with the model before it is pushed; takes Docker.
      beam_options: for components that `pipeline.beam` does not speak of.
      metadata_connection: of ML Metadata, where the runner has none.

    Raises:
      ConfigurationError: the configuration asks for what the pipeline can't do.
    """
    plan = _Plan(config, places, tables_fingerprint, resumable)
    data = plan.data_components()
    model = plan.model_components(data, infra_validation)
    components = [*data.values(), *model.values()]
    _set_beam_options(components, {_DEFAULT: list(beam_options), **config.pipeline.beam})
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=places.root,
        components=components,
        enable_cache=True,
        metadata_connection_config=metadata_connection,
    )


class _Plan:
    """The components of one run, by name."""

    def __init__(self, config: RunConfig, places: Places, tables_fingerprint: str, resumable: bool):
        self._config = config
        self._places = places
        self._tables_fingerprint = tables_fingerprint
        self._resumable = resumable
        self._span = span_of(config.split.validation[1])

    def data_components(self) -> dict[str, BaseNode]:
        """From tables to examples that may be trained on."""
        graph = GraphBuilder(**self._sources("build"), shared_dir=self._places.shared)
        examples = SubgraphExampleGen(
            graph=graph.outputs["graph"],
            **self._sources("split", "sampling", "build", "training"),
            shared_dir=self._places.shared,
        )
        records = examples.outputs["examples"]
        audit = LeakageAudit(
            examples=records, graph=graph.outputs["graph"], spec=self._spec(), shared_dir=self._places.shared
        )
        statistics = StatisticsGen(examples=records, stats_options=statistics_options())
        schema = ImportSchemaGen(schema_file=self._places.schema_file)
        seen = {"statistics": statistics.outputs["statistics"], "schema": schema.outputs["schema"]}
        validator = ExampleValidator(**seen)
        drift = DistributionValidator(
            statistics=seen["statistics"],
            baseline_statistics=seen["statistics"],
            include_split_pairs=[("eval", "train")],
            config=drift_config(self._config),
        ).with_id("DriftValidator")
        found = {"anomalies": validator.outputs["anomalies"], "drift": drift.outputs["anomalies"]}
        serving = self._serving_components(**seen)
        if serving:
            found["serving_anomalies"] = serving["ServingValidator"].outputs["anomalies"]
            found["skew"] = serving["SkewValidator"].outputs["anomalies"]
            seen["serving_statistics"] = serving["ServingStatistics"].outputs["statistics"]
        report = DataReport(days=told_days(self._config.split), examples=records, **seen, **found)
        gate = DataGate(**found, pages=report.outputs["pages"])
        nodes = [graph, examples, audit, statistics, schema, validator, drift, *serving.values(), report, gate]
        return {node.id: node for node in nodes}

    def model_components(self, data: dict[str, BaseNode], infra_validation: bool) -> dict[str, BaseNode]:
        """From examples to a pushed model."""
        records = data["SubgraphExampleGen"].outputs["examples"]
        blessed = self._blessed_model()
        trainer = Trainer(
            run_fn="tfx_pipeline.training.run_fn.run_fn",
            examples=records,
            base_model=blessed.outputs["model"] if self._config.pipeline.warm_start else None,
            train_args=trainer_pb2.TrainArgs(splits=["train"]),
            eval_args=trainer_pb2.EvalArgs(splits=["eval"]),
            custom_config={
                "spec": self._trained_spec,
                "fingerprint": self.fingerprint,
                "span": self._span,
                "work_dir": self._places.work,
            },
        )
        trainer.add_upstream_nodes([data["LeakageAudit"], data["DataGate"]])
        model = trainer.outputs["model"]
        evaluator = Evaluator(
            examples=records,
            model=model,
            baseline_model=blessed.outputs["model"],
            eval_config=eval_config(self._config),
            example_splits=["eval"],
            module_path="tfx_pipeline.evaluation.module",
        )
        blessing = evaluator.outputs["blessing"]
        report = ModelReport(
            model_run=trainer.outputs["model_run"], evaluation=evaluator.outputs["evaluation"], blessing=blessing
        )
        checks = {"model_blessing": blessing}
        nodes = [blessed, trainer, evaluator, report]
        if infra_validation:
            nodes.append(infra_validator(model=model, examples=records))
            checks["infra_blessing"] = nodes[-1].outputs["blessing"]
        nodes.append(Pusher(model=model, push_destination=_watched_folder(self._places.serving), **checks))
        return {node.id: node for node in nodes}

    @property
    def _trained_spec(self) -> str:
        # Thresholds and the like may change without a new training.
        return RunSpec.of(self._config, RunConfig.model_fields.keys() - {"schema_dir", "pipeline"}).to_json()

    @property
    def fingerprint(self) -> str:
        """The same for a run that is repeated, another for one with other tables, days or settings."""
        described = [self._trained_spec, self._tables_fingerprint, self._config.pipeline.warm_start]
        return hashlib.sha256(json.dumps(described).encode("utf-8")).hexdigest()[:32]

    def _serving_components(self, statistics: Channel, schema: Channel) -> dict[str, BaseNode]:
        if not self._places.serving_examples:
            return {}
        of_input = example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name=_SERVING, pattern="*")])
        # Without it, a single input is cut into train and eval.
        uncut = example_gen_pb2.SplitConfig(splits=[example_gen_pb2.SplitConfig.Split(name=_SERVING, hash_buckets=1)])
        served = ImportExampleGen(
            input_base=self._places.serving_examples,
            input_config=of_input,
            output_config=example_gen_pb2.Output(split_config=uncut),
        ).with_id("ServingExamples")
        seen = StatisticsGen(examples=served.outputs["examples"], stats_options=statistics_options()).with_id(
            "ServingStatistics"
        )
        validator = ServingValidator(statistics=seen.outputs["statistics"], schema=schema)
        skew = DistributionValidator(
            statistics=seen.outputs["statistics"],
            baseline_statistics=statistics,
            include_split_pairs=[(_SERVING, "train")],
            config=skew_config(self._config),
        ).with_id("SkewValidator")
        return {node.id: node for node in (served, seen, validator, skew)}

    def _blessed_model(self) -> Resolver:
        channels = {"model": Channel(type=Model), "model_blessing": Channel(type=ModelBlessing)}
        if not self._resumable:
            return Resolver(strategy_class=LatestBlessedModelStrategy, **channels).with_id("BlessedModel")
        of_run = {"fingerprint": self.fingerprint, "span": self._span}
        return Resolver(strategy_class=EarlierBlessedModelStrategy, config=of_run, **channels).with_id("BlessedModel")

    def _sources(self, *sections: str) -> dict[str, Any]:
        return {
            "spec": self._spec(*sections),
            "data": self._places.data,
            "tables_fingerprint": self._tables_fingerprint,
            "span": self._span,
        }

    def _spec(self, *sections: str) -> str:
        # Sampling reads the batch size alone, to tell how large batches will be.
        training = TrainingConfig(batch_size=self._config.training.batch_size)
        return RunSpec.of(self._config.model_copy(update={"training": training}), sections).to_json()


def _watched_folder(path: str) -> pusher_pb2.PushDestination:
    return pusher_pb2.PushDestination(filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=path))


def _set_beam_options(components: Sequence[BaseNode], options: dict[str, list[str]]) -> None:
    with_beam = {node.id: node for node in components if isinstance(node, BaseBeamComponent)}
    for name in options:
        refuse_in_arguments(options[name], "options for Beam")
        if name != _DEFAULT and name not in with_beam:
            raise ConfigurationError(f"pipeline.beam: no component '{name}' runs Beam: {suggestion(name, with_beam)}")
    for name, component in with_beam.items():
        component.with_beam_pipeline_args(without_package(options.get(name, options[_DEFAULT])))
