"""A run's model together with its records: built alike for training, evaluation and export."""

import itertools
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import tensorflow as tf
import tensorflow_gnn as tfgnn

import tfgrec
from tfgrec.config import RunConfig, load_tables_config
from tfgrec.config.match import FactorsConfig
from tfgrec.config.model import ModelConfig
from tfgrec.config.training import MixedPrecision
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.data.input_pipeline import TrainingData
from tfgrec.data.labels import without_labels
from tfgrec.data.padding_budgets import padding_budgets
from tfgrec.data.parsed_records import read_records
from tfgrec.data.time_cut import all_request_times
from tfgrec.errors import ConfigurationError
from tfgrec.factors.item_factors import ItemFactors, fit_item_factors, kept_item_factors, refit_times
from tfgrec.files import exists
from tfgrec.graph.sampling.events_of_roots import RootEvents, events_of_roots
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.model.build import build_joint_model
from tfgrec.model.static_vectors import EmbeddedRows
from tfgrec.model.unknown_ids import UnknownIds
from tfgrec.progress import stage_progress
from tfgrec.run.fingerprint import fingerprint_file
from tfgrec.run.run_directory import RunDirectory
from tfgrec.serving.exported.export import export_model
from tfgrec.serving.signatures.combined_score import combined_weights
from tfgrec.serving.signatures.scoring import Scorer
from tfgrec.training.checkpoints import TrainingCheckpoints
from tfgrec.training.evaluation import predict
from tfgrec.training.precision import precision_policy
from tfgrec.training.replica_batches import largest_part
from tfgrec.training.replicas import Replicas, make_replicas
from tfgrec.training.requested_nodes import kept_requested_nodes, refresh_interval

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel

_SAMPLE_REQUESTS = 64


class RunModel:
    """The model that a run's configuration describes, for the run's records.

    Args:
      config: the run's configuration.
      run: where graph, examples and checkpoints are.
      replicas: the devices that train it; None for those that the configuration asks for.
    """

    def __init__(self, config: RunConfig, run: RunDirectory, *, replicas: Replicas | None = None):
        self.config = config
        self.run = run
        self.examples = ExamplesDirectory.open(run.examples)
        declared = load_tables_config(config.schema_dir).requests.labels
        self.labels = tuple(config.model.all_labels(declared))
        self.checkpoints = TrainingCheckpoints(run.checkpoints)
        self._replicas = replicas

    @property
    def model_config(self) -> ModelConfig:
        """The model's configuration, without an auto-encoder where the records leave it nothing to hide."""
        model = self.config.model
        if self.config.sampling.tells_hidden_nodes:
            return model
        return model.model_copy(update={"auto_encoder": model.auto_encoder.model_copy(update={"enabled": False})})

    @property
    def serving_schema(self) -> GraphSchema:
        """What requests hold when they are served: no label, whether a task learns it or not."""
        return without_labels(self.examples.schema, self.labels)

    @property
    def root_events(self) -> dict[str, RootEvents]:
        """What of a record tells whether its user, or a candidate's item, had any event."""
        return events_of_roots(self.examples.schema, self.config.sampling)

    @property
    def training_data(self) -> TrainingData:
        """The training split."""
        split = self.examples.split("train")
        return TrainingData(split.records, split.num_requests, self.examples.schema, self.labels)

    def sample(self, split: str) -> list[bytes]:
        """The first serialized requests of a split."""
        records = read_records(self.examples.split(split).records)
        return [record.numpy() for record in itertools.islice(records, _SAMPLE_REQUESTS)]

    @cached_property
    def replicas(self) -> Replicas:
        """The devices that train it."""
        return self._replicas or make_replicas(self.config.training)

    @property
    def padding(self) -> list[tfgnn.SizeConstraints] | None:
        """Sizes to which a replica's part of a batch is padded in training; None: it is not."""
        if not self.config.training.jit_compile:
            return None
        part = largest_part(self.config.training.batch_size, self.replicas)
        return padding_budgets(self.examples.sizes, batch_size=part)

    @cached_property
    def static_rows(self) -> dict[str, EmbeddedRows]:
        """The nodes of which arm two_stage has vectors, and as of which refreshes: those that requests read."""
        return kept_requested_nodes(
            self.examples,
            interval=refresh_interval(self.config.pretraining.refresh_hours),
            made_from=fingerprint_file(self.run.examples_manifest),
            path=self.run.embeddings / "requested.npz",
        )

    @cached_property
    def item_factors(self) -> ItemFactors | None:
        """What `model.match.factors` asks for, fitted once and kept in the run; None where nothing reads it."""
        factors = self.config.factors
        if factors is None:
            return None
        manifest = self.run.graph_manifest
        made_from = {
            "examples": fingerprint_file(self.run.examples_manifest),
            "graph": fingerprint_file(manifest) if exists(manifest) else None,
            "factors": factors.model_dump(mode="json"),
        }
        return kept_item_factors(
            self.run.factors,
            # A trained run does without its graph.
            made_from=json.dumps(made_from) if exists(manifest) else None,
            make=lambda: self._fit_factors(factors),
        )

    def _fit_factors(self, config: FactorsConfig) -> ItemFactors:
        if not exists(self.run.graph):
            raise ConfigurationError(
                f"model.match.factors: are fitted to the graph, and there is no graph store in {self.run.graph}: train "
                "with tfgrec-train"
            )
        times = refit_times(all_request_times(self.examples.split("train").records), config.refits)
        with stage_progress("item factors", len(times), unit="fits") as advance:
            store = GraphStore.open(self.run.graph, checked=True)
            return fit_item_factors(store, config, times, advance=advance)

    @cached_property
    def model(self) -> "JointModel":
        """The model to train, with fresh variables: on all replicas, in the configured precision."""
        return self._build(self.replicas, self.config.training.mixed_precision)

    @cached_property
    def trained(self) -> "JointModel":
        """The model with the variables of the run's newest checkpoint: on one device and in float32.

        Raises:
          ConfigurationError: the run was not trained.
        """
        if self.checkpoints.latest is None:
            raise ConfigurationError(f"{self.run.root}: has no trained model, run tfgrec-train first")
        training = self.config.training
        as_trained = training.distribution == "none" and training.mixed_precision == "none"
        model = self.model if as_trained else self._build(Replicas(), "none")
        self.checkpoints.restore_model(model)
        return model

    @cached_property
    def _scorer(self) -> Scorer:
        """One for evaluation and export: to trace and to compile it takes seconds."""
        combined = combined_weights(self.config.model.tasks, self.config.export.combined)
        return Scorer(self.trained, self.serving_schema, combined=combined)

    def predict(self, split: str) -> pd.DataFrame:
        """The trained model's predictions for a split, see `tfgrec.training.evaluation.predict`."""
        return predict(
            self._scorer.of_examples,
            split=self.examples.split(split),
            schema=self.examples.schema,
            tasks=self.config.model.tasks,
            scenario=self.config.evaluation.scenario,
            events=self.root_events,
            batch_size=self.config.training.evaluation_batch_size,
        )

    def export(self) -> Path:
        """Writes the trained model as the next version in the run's export folder, see `export_model`."""
        extra = {
            "tfgrec": tfgrec.__version__,
            "config": self.config.model_dump(mode="json"),
            "schema": self.serving_schema.to_json(),
            "tasks": {name: task.model_dump(mode="json") for name, task in self.config.model.tasks.items()},
        }
        return export_model(
            self.trained,
            schema=self.serving_schema,
            folder=self.run.export,
            sample=self.sample("validation"),
            extra=extra,
            combined=self.config.export.combined,
            scorer=self._scorer,
            warm_up_requests=self.config.export.warm_up_requests,
        )

    def _unknown_ids(self) -> UnknownIds | None:
        hidden = self.config.training.hidden_ids
        return UnknownIds(events=self.root_events, hidden=hidden) if hidden else None

    def _build(self, replicas: Replicas, mixed_precision: MixedPrecision) -> "JointModel":
        # Nothing of a model that was built before in this process counts: neither memory, nor names, nor random state.
        tf.keras.backend.clear_session()
        tf.keras.utils.set_random_seed(self.config.training.seed)
        self.examples.check_statistics()
        with replicas.scope(), precision_policy(mixed_precision):
            return build_joint_model(
                config=self.model_config,
                schema=self.examples.schema,
                statistics=self.examples.statistics,
                arm=self.config.arm,
                labels=self.labels,
                pretraining=self.config.pretraining,
                static_rows=self.static_rows if self.config.arm == "two_stage" else None,
                item_factors=self.item_factors,
                unknown_ids=self._unknown_ids(),
            )
