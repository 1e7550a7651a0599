"""A run's model together with its records: built alike for training, evaluation and export."""

import itertools
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import tensorflow as tf

import tfgrec
from tfgrec.config import RunConfig, load_tables_config
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.data.input_pipeline import TrainingData, read_records
from tfgrec.data.labels import without_labels
from tfgrec.errors import ConfigurationError
from tfgrec.export import export_model
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.model.build import build_joint_model
from tfgrec.run_directory import RunDirectory
from tfgrec.scoring import make_scoring_function
from tfgrec.training.checkpoints import TrainingCheckpoints
from tfgrec.training.evaluation import predict

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel

_SAMPLE_REQUESTS = 64


class RunModel:
    """The model that a run's configuration describes, for the run's records.

    Args:
      config: the run's configuration.
      run: where graph, examples and checkpoints are.
    """

    def __init__(self, config: RunConfig, run: RunDirectory):
        self.config = config
        self.run = run
        self.examples = ExamplesDirectory.open(run.examples)
        self.labels = tuple(load_tables_config(config.schema_dir).requests.labels)
        self.checkpoints = TrainingCheckpoints(run.checkpoints)

    @property
    def serving_schema(self) -> GraphSchema:
        """What requests hold when they are served: no label, whether a task learns it or not."""
        return without_labels(self.examples.schema, self.labels)

    @property
    def training_data(self) -> TrainingData:
        """The training split."""
        split = self.examples.split("train")
        return TrainingData(split.files, split.num_requests, self.examples.schema, self.labels)

    def sample(self, split: str) -> list[bytes]:
        """The first serialized requests of a split."""
        records = read_records(list(self.examples.split(split).files))
        return [record.numpy() for record in itertools.islice(records, _SAMPLE_REQUESTS)]

    @cached_property
    def model(self) -> "JointModel":
        """The model, built, with fresh variables."""
        # Nothing of a model that was built before in this process counts: neither memory, nor names, nor random state.
        tf.keras.backend.clear_session()
        tf.keras.utils.set_random_seed(self.config.training.seed)
        statistics = {**GraphStore.open(self.run.graph).statistics, **self.examples.statistics}
        return build_joint_model(
            config=self.config.model,
            schema=self.examples.schema,
            statistics=statistics,
            arm=self.config.arm,
            labels=self.labels,
        )

    @cached_property
    def trained(self) -> "JointModel":
        """The model with the variables of the run's newest checkpoint.

        Raises:
          ConfigurationError: the run was not trained.
        """
        if self.checkpoints.latest is None:
            raise ConfigurationError(f"{self.run.root}: has no trained model, run tfgrec-train first")
        self.checkpoints.restore_model(self.model)
        return self.model

    def predict(self, split: str) -> pd.DataFrame:
        """The trained model's predictions for a split, see `tfgrec.training.evaluation.predict`."""
        return predict(
            make_scoring_function(self.trained, self.serving_schema),
            split=self.examples.split(split),
            schema=self.examples.schema,
            tasks=self.config.model.tasks,
            scenario=self.config.evaluation.scenario,
            batch_size=self.config.training.evaluation_batch_size,
        )

    def export(self) -> Path:
        """Writes the trained model as the next version in the run's export folder, see `tfgrec.export`."""
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
        )
