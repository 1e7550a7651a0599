"""The training loop: phases of epochs of steps, which goes on where it was broken off."""

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.run import Arm
from tfgrec.config.training import TrainingConfig
from tfgrec.data.input_pipeline import TrainingData
from tfgrec.graph.store.files import write_json
from tfgrec.progress import Advance, stage_progress
from tfgrec.recorded_weights import RECORDED
from tfgrec.run_directory import RunDirectory
from tfgrec.training.checkpoints import TrainingCheckpoints, TrainingPosition
from tfgrec.training.compilation import compile_model
from tfgrec.training.history import TrainingHistory
from tfgrec.training.replica_batches import flattened, replica_batches
from tfgrec.training.replicas import Replicas
from tfgrec.training.step_functions import StepFunctions
from tfgrec.training.step_log import StepLog
from tfgrec.training.variable_meanings import meanings_of
from tfgrec.training.warm_start import take_over

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel
    from tfgrec.training.run_model import RunModel


@dataclasses.dataclass(frozen=True)
class Phase:
    """Epochs with one set of losses: `pretraining` learns the auto-encoder's alone, `ranking` all of the arm's."""

    name: Literal["pretraining", "ranking"]
    epochs: int


def phases_of(arm: Arm, config: TrainingConfig) -> list[Phase]:
    """What an arm trains, in order."""
    ranking = Phase("ranking", config.epochs)
    return [Phase("pretraining", config.pretraining_epochs), ranking] if arm == "two_stage" else [ranking]


def train(run_model: "RunModel", *, announce: Callable[[str], None] = print) -> dict[str, Any]:
    """Trains a run's model, from its newest checkpoint on where it has one, else from `training.warm_start_from`.

    Returns:
      `arm`, `steps`, `seconds`, and the steady `steps_per_second` and `requests_per_second` (None for a training too
      short to tell), to be kept as training.json. With GradNorm also its `mean_loss_weights`.
    """
    config = run_model.config
    _begin(run_model, announce)
    with _written_by(run_model) as (checkpoints, logs):
        trainer = Trainer(
            model=run_model.model,
            data=run_model.training_data,
            config=config.training,
            phases=phases_of(config.arm, config.training),
            checkpoints=checkpoints,
            logs=logs,
            replicas=run_model.replicas,
            padding=run_model.padding,
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
        **({RECORDED: run_model.model.balancer.mean_weights()} if balanced else {}),
    }


def _begin(run_model: "RunModel", announce: Callable[[str], None]) -> None:
    """Keeps what the model's variables mean, for a later training to start from, and starts from an earlier one."""
    model, start = run_model.model, run_model.config.training.warm_start_from
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
      phases: what to train, in order; after the first one the encoder is frozen.
      checkpoints: where state is kept; a training that was broken off goes on from the newest one.
      logs: folder of history.jsonl and of TensorBoard's events.
      replicas: the devices that share every batch; the model was built in their scope.
      padding: budgets for a replica's part of a batch; None to leave batches as they are.
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
    ):
        self._model = model
        self._data = data
        self._config = config
        self._phases = phases
        self._checkpoints = checkpoints
        self._logs = logs
        self._replicas = replicas
        self._padding = padding
        self._steps_per_epoch = data.steps_per_epoch(config.batch_size)
        self._position = checkpoints.read_position()

    def run(self) -> TrainingPosition:
        """Trains to the end of the last phase.

        Raises:
          LossError: a loss is not finite; names the step and the loss.
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
        return position

    def _enter_phase(self, index: int) -> None:
        """Gives the model the phase's losses and fresh optimizers, and the checkpoints these."""
        if index > 0:
            self._model.freeze_encoder()
        with self._replicas.scope():
            epochs = self._phases[index].epochs
            compile_model(self._model, self._config, epochs=epochs, steps_per_epoch=self._steps_per_epoch)
        self._manager = self._checkpoints.manager(
            self._position,
            model=self._model,
            optimizer=self._model.optimizer,
            embedding_optimizer=self._model.embedding_optimizer,
        )
        # Traced anew in each phase: which variables train, and which losses there are, is decided while tracing.
        structure = self._batches(epoch=0, skip_batches=0).element_spec
        self._functions = StepFunctions(self._model, self._replicas, structure)

    def _run_phase(self, phase: Phase, history: TrainingHistory) -> None:
        position = self._position
        num_requests = self._data.num_requests
        done = position.epoch * num_requests + position.step_in_epoch * self._config.batch_size
        log = StepLog(history, phase.name, position)
        with stage_progress(phase.name, phase.epochs * num_requests, unit="requests", completed=done) as advance:
            while position.epoch < phase.epochs:
                self._run_epoch(log, advance)
                self._log(log, advance)
                position.next_epoch()
        position.next_phase()
        if position.phase < len(self._phases):
            self._enter_phase(position.phase)
        self._save()

    def _run_epoch(self, log: StepLog, advance: Advance) -> None:
        """The epoch's batches from `step_in_epoch` on."""
        config, position = self._config, self._position
        # Every epoch of every phase has an order of its own.
        epoch = position.epoch + sum(phase.epochs for phase in self._phases[: position.phase])
        batches = flattened(self._batches(epoch=epoch, skip_batches=position.step_in_epoch))
        iterator = iter(batches)
        while True:
            started = time.monotonic()
            batch = next(iterator, None)
            waited = time.monotonic() - started
            if batch is None:
                return
            values = self._functions.train_step(*batch)
            requests = min(config.batch_size, self._data.num_requests - position.step_in_epoch * config.batch_size)
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
            if position.step % config.checkpoint_every_steps == 0:
                # Losses are looked at first, so that no checkpoint holds a model that has just been ruined.
                self._log(log, advance)
                self._save()

    def _batches(self, *, epoch: int, skip_batches: int) -> tf.data.Dataset:
        return replica_batches(
            self._data,
            replicas=self._replicas,
            padding=self._padding,
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
