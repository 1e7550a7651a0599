"""The training loop: phases of epochs of steps, which goes on where it was broken off."""

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.training import TrainingConfig
from tfgrec.data.input_pipeline import TrainingData
from tfgrec.files import write_json
from tfgrec.model.configuration_checks import PRETRAINED_ARMS
from tfgrec.progress import Advance, stage_progress
from tfgrec.run.earlier_runs import MEAN_LOSS_WEIGHTS
from tfgrec.run.far_files import send_changes
from tfgrec.run.run_directory import RunDirectory
from tfgrec.training.checkpoints import TrainingCheckpoints, TrainingPosition
from tfgrec.training.compilation import compile_model
from tfgrec.training.early_stopping import EarlyStopping, make_early_stopping
from tfgrec.training.history import TrainingHistory
from tfgrec.training.node_embedding import NodeEmbedding
from tfgrec.training.phases import Phase, PhaseSpan, phases_of
from tfgrec.training.replica_batches import flattened, parsed_batches, part_parser
from tfgrec.training.replicas import Replicas
from tfgrec.training.step_functions import StepFunctions
from tfgrec.training.step_log import StepLog
from tfgrec.training.variable_meanings import meanings_of
from tfgrec.training.warm_start import take_over

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel
    from tfgrec.training.run_model import RunModel


def train(run_model: "RunModel", *, announce: Callable[[str], None] = print) -> dict[str, Any]:
    """Trains a run's model, from its newest checkpoint on where it has one, else from `training.warm_start_from`.

    Returns:
      `arm`, `steps`, `seconds`, and the steady `steps_per_second` and `requests_per_second` (None for a training too
      short to tell), to be kept as training.json. With GradNorm also its `mean_loss_weights`, with early stopping
      `selection`, with pre-training `pretraining_seconds`, and with static vectors what `NodeEmbedding.costs` says.
    """
    config = run_model.config
    _begin(run_model, announce)
    embedding = NodeEmbedding(run_model, announce=announce) if config.arm == "two_stage" else None
    with _written_by(run_model) as (checkpoints, logs):
        early_stopping = make_early_stopping(run_model, checkpoints, announce=announce)
        trainer = Trainer(
            model=run_model.model,
            data=run_model.training_data,
            config=config.training,
            phases=phases_of(config.arm, config.training),
            checkpoints=checkpoints,
            logs=logs,
            replicas=run_model.replicas,
            padding=run_model.padding,
            early_stopping=early_stopping,
            embedding=embedding,
        )
        position = trainer.run()
    speed = position.steady_steps / position.steady_seconds if position.steady_steps else None
    balanced = config.model.balancing.method == "gradnorm"
    return {
        "arm": config.arm,
        "steps": position.step,
        "seconds": position.seconds,
        "steps_per_second": speed,
        "requests_per_second": None if speed is None else speed * config.training.batch_size,
        **({MEAN_LOSS_WEIGHTS: run_model.model.balancer.mean_weights()} if balanced else {}),
        **({} if early_stopping is None else {"selection": early_stopping.summary(position)}),
        **({"pretraining_seconds": position.pretraining_seconds} if config.arm in PRETRAINED_ARMS else {}),
        **({} if embedding is None else embedding.costs()),
    }


def _begin(run_model: "RunModel", announce: Callable[[str], None]) -> None:
    """Keeps what the model's variables mean, for a later training to start from, and starts from an earlier one."""
    model, start = run_model.model, run_model.config.training.warm_start_from
    if run_model.config.arm == "joint" and run_model.model_config != run_model.config.model:
        announce("training: without auto-encoder: with one hop in sampling.hops it has nothing to hide")
    if run_model.replicas.is_chief:
        write_json(run_model.run.meanings, meanings_of(model, run_model.config.model))
    if start is not None and run_model.checkpoints.latest is None:
        announce(f"training: {take_over(model, run_model.config.model, RunDirectory.at(start))}")


@contextlib.contextmanager
def _written_by(run_model: "RunModel") -> Iterator[tuple[TrainingCheckpoints, Path]]:
    """Checkpoints and logs of this process: the run's, or such as are thrown away where another process writes those.

    All processes have to save, because some variables are only whole when all of them take part.
    """
    if run_model.replicas.is_chief:
        yield run_model.checkpoints, run_model.run.logs
        return
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = dataclasses.replace(run_model.checkpoints, written=Path(folder) / "checkpoints")
        yield checkpoints, Path(folder) / "logs"


class Trainer:
    """Trains a model through its phases.

    Args:
      model: a built model.
      data: the training records.
      config: epochs, batches, rates, how often to log and to save.
      phases: what to train, in order; after pre-training the encoder is frozen.
      checkpoints: where state is kept; a training that was broken off goes on from the newest one.
      logs: folder of history.jsonl and of TensorBoard's events.
      replicas: the devices that share every batch; the model was built in their scope.
      padding: budgets for a replica's part of a batch; None to leave batches as they are.
      early_stopping: says how long the phases take that stop early; None where none does.
      embedding: fills the static vectors once the encoder is frozen; None where there are none.
    """

    def __init__(
        self,
        *,
        model: "JointModel",
        data: TrainingData,
        config: TrainingConfig,
        phases: list[Phase],
        checkpoints: TrainingCheckpoints,
        logs: Path,
        replicas: Replicas,
        padding: Sequence[tfgnn.SizeConstraints] | None = None,
        early_stopping: EarlyStopping | None = None,
        embedding: NodeEmbedding | None = None,
    ):
        self._model = model
        self._data = data
        self._config = config
        self._phases = phases
        self._checkpoints = checkpoints
        self._logs = logs
        self._replicas = replicas
        self._parse = part_parser(data, replicas=replicas, padding=padding)
        self._early_stopping = early_stopping
        self._embedding = embedding
        self._position = checkpoints.read_position()

    def run(self) -> TrainingPosition:
        """Trains to the end of the last phase.

        Raises:
          LossError: a loss is not finite; names the step and the loss.
          ConfigurationError: early stopping can't measure the model on its cut.
        """
        position = self._position
        self._enter_phase(min(position.phase, len(self._phases) - 1))
        if self._checkpoints.latest is not None:
            self._manager.checkpoint.restore(self._checkpoints.latest).assert_existing_objects_matched()
        history = TrainingHistory(self._logs, resume_step=position.step)
        try:
            while position.phase < len(self._phases):
                self._run_phase(self._phases[position.phase], history)
        finally:
            history.close()
        if self._early_stopping is not None:
            # Here and not with its phase: a training that is killed right after that phase's checkpoint comes by too.
            self._early_stopping.forget_start(position)
        return position

    def _enter_phase(self, index: int) -> None:
        """Gives the model the phase's losses and fresh optimizers, and the checkpoints these."""
        phase = self._phases[index]
        if any(earlier.name == "pretraining" for earlier in self._phases[:index]):
            self._model.freeze_encoder()
        self._span = self._span_of(phase)
        with self._replicas.scope():
            compile_model(
                self._model,
                self._config,
                total_steps=self._span.steps,
                steps_per_epoch=self._span.steps_per_epoch,
                until_stopped=phase.tables_learn_throughout,
            )
        self._manager = self._checkpoints.manager(
            self._position,
            model=self._model,
            optimizer=self._model.optimizer,
            embedding_optimizer=self._model.embedding_optimizer,
        )
        # Traced anew in each phase: which variables train, and which losses there are, is decided while tracing.
        structure = self._batches(epoch=0, skip_batches=0).element_spec
        self._functions = StepFunctions(
            self._model, self._replicas, structure, seed=self._config.seed, phase=phase.name
        )

    def _run_phase(self, phase: Phase, history: TrainingHistory) -> None:
        position, span = self._position, self._span
        if self._embedding is not None and phase.name != "pretraining" and self._step_of_phase == 0:
            # After the checkpoint that holds the pre-trained encoder: a pass that is killed goes on from there.
            self._embedding.fill()
        if phase.stops_early and self._step_of_phase == 0:
            self._early_stopping.keep_start(self._model)
        log = StepLog(history, phase.name, position)
        done, total = (span.requests_until(step) for step in (self._step_of_phase, span.steps))
        with stage_progress(phase.name, total, unit="requests", completed=done) as advance:
            while not self._is_over(phase):
                self._run_epoch(phase, log, advance)
                self._log(log, advance)
                position.next_epoch()
        self._leave_phase(phase)

    def _leave_phase(self, phase: Phase) -> None:
        """Begins the next phase, or leaves the trained model, in a checkpoint of its own."""
        position = self._position
        if phase.name == "pretraining":
            position.pretraining_seconds = position.seconds
        position.next_phase()
        following = self._phases[position.phase] if position.phase < len(self._phases) else None
        if following is not None and following.refits:
            self._early_stopping.restart(position, self._model)
        elif phase.stops_early:
            self._early_stopping.restore_best(position, self._model)
        if following is not None:
            self._enter_phase(position.phase)
        self._save()

    def _is_over(self, phase: Phase) -> bool:
        stopped = phase.stops_early and self._early_stopping.is_over(self._position)
        return stopped or self._step_of_phase >= self._span.steps

    @property
    def _step_of_phase(self) -> int:
        return self._position.epoch * self._span.steps_per_epoch + self._position.step_in_epoch

    def _span_of(self, phase: Phase) -> PhaseSpan:
        data = self._early_stopping.without_cut(self._data) if phase.stops_early else self._data
        steps = phase.epochs * data.steps_per_epoch(self._config.batch_size)
        if phase.refits:
            steps = self._early_stopping.refit_steps(self._position)
        return PhaseSpan(data, self._config.batch_size, steps)

    def _run_epoch(self, phase: Phase, log: StepLog, advance: Advance) -> None:
        """The epoch's batches from `step_in_epoch` on, as long as the phase is not over."""
        config, position = self._config, self._position
        # Every epoch of every phase has an order of its own.
        epoch = position.epoch + sum(phase.epochs for phase in self._phases[: position.phase])
        batches = flattened(self._batches(epoch=epoch, skip_batches=position.step_in_epoch))
        iterator = iter(batches)
        while not self._is_over(phase):
            started = time.monotonic()
            batch = next(iterator, None)
            waited = time.monotonic() - started
            if batch is None:
                return
            values = self._step(batch, advance)
            requests = min(config.batch_size, self._span.data.num_requests - position.step_in_epoch * config.batch_size)
            position.step += 1
            position.step_in_epoch += 1
            log.add(values, requests=requests, waited=waited)
            advance(requests)
            if position.step % config.diagnostics_every_steps == 0:
                with log.interlude():
                    diagnostics = self._functions.diagnose(*batch)
                self._log(log, advance, diagnostics)
            elif position.step % config.log_every_steps == 0:
                self._log(log, advance)
            if phase.stops_early and self._is_measurement_due():
                self._measure(log, advance)
            elif position.step % config.checkpoint_every_steps == 0:
                # Losses are looked at first, so that no checkpoint holds a model that has just been ruined.
                self._log(log, advance)
                self._save()

    def _step(self, batch: Sequence[tf.Tensor], advance: Advance) -> Mapping[str, tf.Tensor]:
        if self._functions.is_compiled:
            return self._functions.train_step(*batch)
        with advance.held_up("TensorFlow compiles the training step"):
            return self._functions.train_step(*batch)

    def _is_measurement_due(self) -> bool:
        return self._early_stopping.is_due(self._step_of_phase, steps_per_epoch=self._span.steps_per_epoch)

    def _measure(self, log: StepLog, advance: Advance) -> None:
        """Measures on the cut, and keeps it in a checkpoint, so that a training that goes on from it decides alike."""
        self._log(log, advance)
        with log.measuring():
            values = self._early_stopping.measure(self._position, step=self._step_of_phase)
            self._early_stopping.keep_if_best(self._position, self._model)
        log.add_measurement({f"selection/{name}": value for name, value in values.items()})
        self._save()
        self._early_stopping.forget_others(self._position)

    def _batches(self, *, epoch: int, skip_batches: int) -> tf.data.Dataset:
        return parsed_batches(
            self._span.data,
            self._parse,
            batch_size=self._config.batch_size,
            seed=self._config.seed,
            epoch=epoch,
            shuffle_buffer=self._config.shuffle_buffer,
            skip_batches=skip_batches,
        )

    def _log(self, log: StepLog, advance: Advance, diagnostics: Mapping[str, float] | None = None) -> None:
        extra = {"learning_rate": float(self._model.optimizer.learning_rate.numpy()), **(diagnostics or {})}
        means = log.flush(extra)
        advance(0, **{name: value for name, value in means.items() if name.startswith("loss")})

    def _save(self) -> None:
        self._position.saves += 1
        self._manager.save(checkpoint_number=self._position.saves)
        send_changes(self._logs.parent)
