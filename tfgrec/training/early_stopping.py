"""Early stopping: the newest training requests say how long to train on the others, and then on all of them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgrec.config.training import EarlyStoppingConfig
from tfgrec.data.input_pipeline import TrainingData
from tfgrec.data.time_cut import TimeCut, find_time_cut
from tfgrec.files import read_json, write_json
from tfgrec.training.checkpoints import TrainingCheckpoints, TrainingPosition
from tfgrec.training.cut_metrics import CutMetrics
from tfgrec.training.measurements import Measurements, is_due
from tfgrec.training.replicas import Replicas

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel
    from tfgrec.training.run_model import RunModel

_CUT = "cut.json"
_START = "start"
_BEST = "best"


class EarlyStopping:
    """Measures a model on the cut, keeps the best one, and says when to stop.

    What it has measured is part of the training's position, so that a training that was broken off decides alike.

    Args:
      config: when to measure, and what counts.
      cut: the requests to measure on.
      metrics: measures the model there.
      checkpoints: where the best model and the one to refit are kept.
      replicas: the devices that train; the chief measures for all of them.
      announce: told what was found.
    """

    def __init__(
        self,
        *,
        config: EarlyStoppingConfig,
        cut: TimeCut,
        metrics: CutMetrics,
        checkpoints: TrainingCheckpoints,
        replicas: Replicas,
        announce: Callable[[str], None] = print,
    ):
        self._config = config
        self._cut = cut
        self._metrics = metrics
        self._checkpoints = checkpoints
        self._replicas = replicas
        self._announce = announce

    def without_cut(self, data: TrainingData) -> TrainingData:
        """What is trained on while the cut decides."""
        return data.before(self._cut)

    def is_due(self, step: int, *, steps_per_epoch: int) -> bool:
        """Whether to measure after a step of the phase, counted from one."""
        times = self._config.evaluations_per_epoch
        return is_due(step, steps_per_epoch=steps_per_epoch, times_per_epoch=times)

    def measure(self, position: TrainingPosition, *, step: int) -> dict[str, float]:
        """Measures the model after a step of the phase; returns `{<metric>/<task>: value, <metric>: what decides}`."""
        values = self._metrics.measure() if self._replicas.is_chief else {}
        mine = self._metrics.decisive(values, self._config.metric) if self._replicas.is_chief else 0.0
        value = self._replicas.chiefs_number(mine)
        position.measurements.append({"step": step, "value": value, **values})
        return {**values, self._config.metric: value}

    def keep_if_best(self, position: TrainingPosition, model: "JointModel") -> None:
        """Keeps the model if its measurement is the best so far; the one before stays until `forget_others`."""
        if self._of(position).is_newest_best:
            self._checkpoints.keep(self._best_name(position), model)

    def forget_others(self, position: TrainingPosition) -> None:
        """Removes what is kept besides the best model and the start; once a checkpoint says which is the best."""
        self._checkpoints.forget_kept(but={self._best_name(position), _START})

    def is_over(self, position: TrainingPosition) -> bool:
        """Whether to stop."""
        return self._of(position).are_over(self._config.patience)

    def keep_start(self, model: "JointModel") -> None:
        """Keeps a model before its first step, for `restart`; only where that will be called."""
        if self._config.refit:
            self._checkpoints.keep(_START, model)

    def restart(self, position: TrainingPosition, model: "JointModel") -> None:
        """Gives a model its variables before the first step, to train it on all requests."""
        self._tell(position, f"trains anew on all requests, for {self.refit_steps(position):,} steps")
        self._restore(_START, model)

    def forget_start(self, position: TrainingPosition) -> None:
        """Removes what `restart` needed."""
        self._checkpoints.forget_kept(but={self._best_name(position)})

    def restore_best(self, position: TrainingPosition, model: "JointModel") -> None:
        """Gives a model the variables of the best measurement."""
        self._tell(position, "which is the trained model")
        self._restore(self._best_name(position), model)

    def refit_steps(self, position: TrainingPosition) -> int:
        """As many steps as were best, in proportion to all requests."""
        return max(1, round(self._of(position).best["step"] * self._cut.growth))

    def summary(self, position: TrainingPosition) -> dict[str, Any]:
        """What training.json says of it."""
        best = self._of(position).best
        return {
            "metric": self._config.metric,
            "threshold": self._cut.threshold,
            "requests": self._cut.num_before,
            "held_out": self._cut.num_held_out,
            "measurements": position.measurements,
            "best_step": best["step"],
            "best_value": best["value"],
            "refit_steps": self.refit_steps(position) if self._config.refit else None,
            "seconds": position.measuring_seconds,
        }

    def _of(self, position: TrainingPosition) -> Measurements:
        return Measurements(position.measurements, lower_is_better=self._config.metric == "log_loss")

    def _best_name(self, position: TrainingPosition) -> str:
        return f"{_BEST}-{self._of(position).best['step']}"

    def _restore(self, name: str, model: "JointModel") -> None:
        # Others must not read what the chief is still writing.
        self._replicas.wait_for_all()
        self._checkpoints.restore_kept(name, model)

    def _tell(self, position: TrainingPosition, then: str) -> None:
        best = self._of(position).best
        self._announce(
            f"early stopping: {len(position.measurements)} measurements on {self._cut.num_held_out:,} requests, best "
            f"after step {best['step']:,} ({self._config.metric} {best['value']:.4f}); {then}"
        )


def make_early_stopping(
    run_model: "RunModel", checkpoints: TrainingCheckpoints, *, announce: Callable[[str], None] = print
) -> EarlyStopping | None:
    """A run's early stopping, if its configuration asks for it; its cut is the same whenever the run goes on."""
    training = run_model.config.training
    if training.early_stopping is None:
        return None
    cut = _kept_cut(run_model, training.early_stopping.share)
    metrics = CutMetrics(
        model=run_model.model,
        data=run_model.training_data,
        cut=cut,
        tasks=run_model.config.model.tasks,
        batch_size=training.evaluation_batch_size,
    )
    return EarlyStopping(
        config=training.early_stopping,
        cut=cut,
        metrics=metrics,
        checkpoints=checkpoints,
        replicas=run_model.replicas,
        announce=announce,
    )


def _kept_cut(run_model: "RunModel", share: float) -> TimeCut:
    path: Path = run_model.run.checkpoints / _CUT
    if path.exists():
        return TimeCut(**read_json(path))
    cut = find_time_cut(run_model.training_data.files, share=share)
    if run_model.replicas.is_chief:
        write_json(path, dataclasses.asdict(cut))
    return cut
