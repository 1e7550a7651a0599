"""A run as a notebook reads it: what it was made by and measured at, its records, its model, and its answers."""

import itertools
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgrec.config import TablesConfig, load_tables_config
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.errors import ConfigurationError
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.report.run_results import RunResults
from tfgrec.run.run_directory import RunDirectory
from tfgrec.told_damage import told_damage

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    from tfgrec.model.joint_model import JointModel
    from tfgrec.serving.clients.saved_model_client import SavedModelClient


def load_run(run_dir: str | Path) -> "LoadedRun":
    """A run that a command or `tfgrec.train` has started; what of it is not there yet, is an error when asked for.

    Raises:
      ConfigurationError: there is no such run.
    """
    return LoadedRun(run_dir)


class LoadedRun(RunResults):
    """What is in a run directory: each file is read when it is first asked for.

    `config`, `metrics`, `predictions`, `training` and `history` are those of `RunResults`.

    Args:
      run_dir: the run directory.

    Raises:
      ConfigurationError: there is no such run.
    """

    def __init__(self, run_dir: str | Path):
        super().__init__(run_dir)
        self.directory = RunDirectory.open(run_dir)

    @cached_property
    def tables(self) -> TablesConfig:
        """The tables.yaml that graph and records were made by."""
        return load_tables_config(self.config.schema_dir)

    @cached_property
    def examples(self) -> ExamplesDirectory:
        """The sampled records: their files by split, their schema and statistics.

        Raises:
          InputDataError: the sampling did not finish, or a file is damaged.
        """
        return ExamplesDirectory.open(self.directory.examples)

    def records(self, split: str = "validation") -> "tf.data.Dataset":
        """A split's requests in the order of their files, each a scalar GraphTensor, labels included.

        Raises:
          InputDataError: the split has no requests.
        """
        import tensorflow as tf
        import tensorflow_gnn as tfgnn

        from tfgrec.data.graph_spec import graph_tensor_spec
        from tfgrec.data.parsed_records import read_records

        spec = graph_tensor_spec(self.examples.schema)
        serialized = read_records(self.examples.split(split).records)
        # Looking for control flow on tensors in TF-GNN's code would take seconds.
        parse = tf.autograph.experimental.do_not_convert(lambda record: tfgnn.parse_single_example(spec, record))
        return serialized.map(parse)

    def requests(self, split: str = "validation", *, count: int = 1) -> list[OnlineRequest]:
        """The first requests of a split: who asked, when, with which candidates, features and labels.

        Raises:
          InputDataError: the split has no requests.
        """
        from tfgrec.data.parsed_records import read_records
        from tfgrec.data.recorded_requests import RecordedRequests

        recorded = RecordedRequests(self.examples.schema, self.tables.requests)
        serialized = read_records(self.examples.split(split).records).as_numpy_iterator()
        with told_damage():
            return [recorded.read(record) for record in itertools.islice(serialized, count)]

    @cached_property
    def example_service(self) -> ExampleService:
        """Makes examples of requests from the run's graph store, with the code that made its records.

        Raises:
          GraphStoreError: there is no whole store.
        """
        return ExampleService.open(self.directory.graph, sampling=self.config.sampling, requests=self.tables.requests)

    @cached_property
    def saved_model(self) -> "SavedModelClient":
        """The newest exported model, asked as a model server would be.

        Raises:
          ConfigurationError: there is none.
        """
        from tfgrec.serving.clients.saved_model_client import SavedModelClient

        if self.directory.newest_export is None:
            raise ConfigurationError(f"{self.directory.root}: has no exported model, train it or run tfgrec-export")
        return SavedModelClient(self.directory.newest_export)

    @cached_property
    def model(self) -> "JointModel":
        """The Keras model with the variables of the newest checkpoint.

        Raises:
          ConfigurationError: the run was not trained.
        """
        from tfgrec.training.run_model import RunModel

        return RunModel(self.config, self.directory).trained

    def rank(self, requests: Sequence[OnlineRequest]) -> list[dict[str, "np.ndarray"]]:
        """Answers requests as a served run does: their examples are sampled, and the exported model scores them.

        Returns:
          For each request, float32 `[num_candidates]` by task, in the order of its items.

        Raises:
          InputDataError: a request does not fit the tables; names it.
          ConfigurationError: there is no exported model.
        """
        from tfgrec.serving.clients.client import rank

        return rank(self.saved_model, self.example_service.examples(requests))

    def loss_figures(self) -> dict[str, Any]:
        """The report's curves of each loss, Plotly figures by the loss's name, the total first."""
        from tfgrec.report.run_report import colours_of_run
        from tfgrec.report.training_figures import loss_figures

        return loss_figures(self.history, colours_of_run(self))
