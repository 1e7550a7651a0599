"""The later stages of a run: from records to a trained, measured and exported model."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tfgrec.checks.label_check import check_labels
from tfgrec.config import RunConfig, TablesConfig, load_tables_config
from tfgrec.data.examples_directory import read_manifest
from tfgrec.files import exists, read_json, write_json
from tfgrec.model.configuration_checks import PRETRAINED_ARMS
from tfgrec.run.earlier_runs import warm_start_input
from tfgrec.run.fingerprint import fingerprint_file
from tfgrec.run.known_fingerprints import KNOWN_PREDICTIONS, KnownFingerprints
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.stage_log import StageLog

if TYPE_CHECKING:
    from tfgrec.training.run_model import RunModel

# What may be changed without training again.
_NO_MATTER_OF_THE_MODEL = {
    "evaluation_batch_size",
    "checkpoint_every_steps",
    "log_every_steps",
    "diagnostics_every_steps",
    # Where it is computed: equal but for rounding.
    "distribution",
    "replicas",
    "jit_compile",
    # What lies there counts, not where.
    "warm_start_from",
}


class ModelStages:
    """Training, evaluation, export and report of one arm; TensorFlow is imported by the first that is not skipped.

    Args:
      config: the run's configuration, its arm included.
      run: where graph and examples are, and where the rest goes.
      announce: told what is done or skipped, and why.
    """

    def __init__(self, config: RunConfig, run: RunDirectory, *, announce: Callable[[str], None] = print):
        self._config = config
        self._run = run
        self._announce = announce
        self._stages = StageLog(run.stages, announce=announce)

    def run(self) -> dict[str, Any]:
        """Brings model, metrics, export and report up to date; returns what metrics.json holds.

        Raises:
          TfgrecError: the configuration or the records can't be used, or a loss is not finite.
        """
        self._run.write_config(self._config)
        self.check_labels()
        self._check_retrieval()
        self._train()
        self._evaluate()
        self._export()
        self._report()
        return read_json(self._run.metrics)

    def check_labels(self) -> None:
        """Looks at the training labels; all that the examples have to be there for.

        Raises:
          InputDataError: names a task whose labels can't be learnt from, or there are no whole examples.
        """
        for note in check_labels(self._config.model, self._tables.requests, read_manifest(self._run.examples)):
            self._announce(note)

    @cached_property
    def _tables(self) -> TablesConfig:
        return load_tables_config(self._config.schema_dir)

    @cached_property
    def _run_model(self) -> "RunModel":
        from tfgrec.training.run_model import RunModel

        return RunModel(self._config, self._run)

    def _check_retrieval(self) -> None:
        if self._config.model.retrieval is None:
            return
        if not exists(self._run.graph):
            self._announce(f"retrieval: is trained and not measured, which takes a graph store in {self._run.graph}")
            return
        from tfgrec.checks.retrieval_check import check_edge_sets
        from tfgrec.graph.store.graph_store import GraphStore

        check_edge_sets(self._config.evaluation.retrieval, GraphStore.open(self._run.graph).schema)

    def _train(self) -> None:
        inputs = {
            **self._examples(),
            # Of equal records: what is declared a label is no input of the model, whether a task learns it or not.
            "labels": sorted(self._tables.requests.labels),
            "arm": self._config.arm,
            "model": self._config.model.model_dump(mode="json"),
            "sampling": self._config.sampling.model_dump(mode="json"),
            "training": self._config.training.model_dump(mode="json", exclude=self._no_matter_of_the_model()),
            **warm_start_input(self._config, self._run),
            **self._pretraining(),
            **(self._graph() if self._trains_on_graph else {}),
        }

        def work() -> None:
            self._announce("training: starts TensorFlow and builds the model")
            from tfgrec.training.checkpoints import claim_folders
            from tfgrec.training.joining import agree_to_train
            from tfgrec.training.trainer import train

            run = self._run
            claim_folders(inputs, checkpoints=run.checkpoints, logs=run.logs, announce=self._announce)
            agree_to_train(self._run_model.replicas, self._config, needed=True)
            step = self._run_model.checkpoints.read_position().step
            if step:
                self._announce(f"training: goes on after step {step}")
            write_json(run.training, train(self._run_model, announce=self._announce))

        outputs = [self._run.training, self._run.checkpoints]
        trained = self._stages.run("training", inputs=inputs, outputs=outputs, work=work)
        if not trained and self._config.training.distribution == "multi_worker":
            from tfgrec.training.joining import agree_to_train

            # The other processes wait for word.
            agree_to_train(self._run_model.replicas, self._config, needed=False)

    @property
    def _trains_on_graph(self) -> bool:
        """Whether training reads the graph beside the records."""
        return self._config.factors is not None or self._config.arm == "two_stage"

    def _no_matter_of_the_model(self) -> set[str]:
        pretrained = self._config.arm in PRETRAINED_ARMS
        return _NO_MATTER_OF_THE_MODEL | (set() if pretrained else {"pretraining_epochs"})

    def _pretraining(self) -> dict[str, Any]:
        """What the arms that pre-train an encoder depend on besides."""
        if self._config.arm not in PRETRAINED_ARMS:
            return {}
        left_out = {"refresh_hours", "vectors"} if self._config.arm == "frozen_encoder" else set()
        return {"pretraining": self._config.pretraining.model_dump(mode="json", exclude=left_out)}

    def _evaluate(self) -> None:
        def work() -> None:
            from tfgrec.retrieval.run_retrieval import evaluate_retrieval
            from tfgrec.training.evaluation import evaluate, write_predictions

            metrics: dict[str, Any] = {}
            for part, table in tables.items():
                predictions = self._run_model.predict(part)
                found = {
                    **evaluate(predictions, self._config, part=part),
                    **evaluate_retrieval(self._run_model, part),
                }
                metrics |= found if part == "validation" else {part: {**found.pop(part), **found}}
                write_predictions(predictions, table)
            metrics |= {"arm": self._config.arm, "training": read_json(self._run.training)}
            write_json(self._run.metrics, metrics)

        tables = {"validation": self._run.predictions}
        if self._config.split.test is not None:
            tables["test"] = self._run.test_predictions
        retrieval = self._config.model.retrieval is not None
        inputs = {
            **self._trained(),
            **self._examples(),
            "evaluation": self._config.evaluation.model_dump(mode="json"),
            **(self._graph() if retrieval else {}),
        }
        self._stages.run("evaluation", inputs=inputs, outputs=[*tables.values(), self._run.metrics], work=work)

    def _export(self) -> None:
        def work() -> None:
            self._run_model.export()

        inputs = {**self._trained(), **self._examples(), "export": self._config.export.model_dump(mode="json")}
        self._stages.run("export", inputs=inputs, outputs=[self._run.export], work=work)

    def _report(self) -> None:
        def work() -> None:
            from tfgrec.report import write_report

            write_report(self._run.root)

        # The report shows the configuration, and is drawn of all the others.
        files = {"metrics": self._run.metrics, "config": self._run.config}
        known = KnownFingerprints(self._run.stages / KNOWN_PREDICTIONS)
        inputs = {
            **self._trained(),
            **{name: fingerprint_file(path) for name, path in files.items()},
            "predictions": known.of_file(self._run.predictions),
        }
        self._stages.run("report", inputs=inputs, outputs=[self._run.report], work=work)
        known.save()

    def _trained(self) -> dict[str, str]:
        return {"training": fingerprint_file(self._run.training)}

    def _examples(self) -> dict[str, str]:
        return {"examples": fingerprint_file(self._run.examples_manifest)}

    def _graph(self) -> dict[str, Any]:
        """The graph, for what reads it beside the records: it may change where no record does."""
        manifest = self._run.graph_manifest
        return {
            "graph": fingerprint_file(manifest) if exists(manifest) else None,
            "requests": self._tables.requests.model_dump(mode="json"),
        }
