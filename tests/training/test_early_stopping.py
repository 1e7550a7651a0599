"""A training that over-fits stops, and its best or refitted model is the result, wherever it was broken off."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfgrec.config.training import EarlyStoppingConfig
from tfgrec.errors import ConfigurationError
from tfgrec.run.run_directory import RunDirectory
from tfgrec.training.cut_metrics import CutMetrics
from tfgrec.training.early_stopping import EarlyStopping, make_early_stopping
from tfgrec.training.history import read_history
from tfgrec.training.phases import Phase, phases_of
from tfgrec.training.run_model import RunModel
from tfgrec.training.step_log import StepLog
from tfgrec.training.trainer import Trainer, train

EPOCHS = 8
# Each of 40 users and 30 videos has a vector, fast to learn, and about three requests: what is learned soon is noise.
OVER_FITTING = [
    "arm=no_graph",
    "model.features.user={'#id': {kind: hashed, dimension: 16, buckets: 1000}}",
    "model.features.video={'#id': {kind: hashed, dimension: 16, buckets: 1000}}",
    "model.towers.dropout=0",
    "model.balancing.method=fixed",
    "training.optimizer.learning_rate=0.01",
    "training.optimizer.embedding_learning_rate=0.05",
    f"training.epochs={EPOCHS}",
]


def run_model(run: RunDirectory, **early_stopping: Any) -> RunModel:
    values = ", ".join(f"{key}: {value}" for key, value in {"share": 0.2, **early_stopping}.items())
    return RunModel(run.read_config([*OVER_FITTING, f"training.early_stopping={{{values}}}"]), run)


def trained_in(small_run: Path, folder: Path, **early_stopping: Any) -> tuple[RunModel, dict[str, Any]]:
    model = run_model(RunDirectory.at(shutil.copytree(small_run, folder / "run")), **early_stopping)
    return model, train(model)


def values_of(model: RunModel) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.trained.variables]


def measured_again(model: RunModel) -> dict[str, float]:
    cut = make_early_stopping(model, model.checkpoints)._cut
    metrics = CutMetrics(
        model=model.trained, data=model.training_data, cut=cut, tasks=model.config.model.tasks, batch_size=7
    )
    return metrics.measure()


def timeless(summary: dict[str, Any]) -> dict[str, Any]:
    selection = {key: value for key, value in summary["selection"].items() if key != "seconds"}
    return {"steps": summary["steps"], "selection": selection}


def test_phases_of_early_stopping(run: RunDirectory) -> None:
    training = run.read_config().training
    refitted = training.model_copy(update={"early_stopping": EarlyStoppingConfig()})
    selection = Phase("selection", 2, stops_early=True)
    assert phases_of("joint", refitted) == [selection, Phase("ranking", 2, refits=True)]
    assert phases_of("two_stage", refitted) == [
        Phase("pretraining", 1),
        selection,
        Phase("ranking", 2, refits=True),
    ]
    kept = training.model_copy(update={"early_stopping": EarlyStoppingConfig(refit=False)})
    assert phases_of("joint", kept) == [Phase("ranking", 2, stops_early=True)]


@pytest.fixture(scope="module")
def refitted(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunModel, dict[str, Any]]:
    return trained_in(small_run, tmp_path_factory.mktemp("refitted"))


@pytest.mark.slow
def test_a_training_that_over_fits_stops_and_its_best_model_is_the_trained_one(
    refitted: tuple[RunModel, dict[str, Any]], small_run: Path, tmp_path: Path
) -> None:
    model, whole = trained_in(small_run, tmp_path, patience=100, refit="false")
    everything, until_stop = (summary["selection"]["measurements"] for summary in (whole, refitted[1]))
    # 96 of 120 requests in batches of 16.
    assert whole["steps"] == EPOCHS * 6 and len(everything) == 2 * EPOCHS
    assert until_stop == everything[: len(until_stop)] and len(until_stop) < EPOCHS
    best = whole["selection"]["best_value"]
    assert best == refitted[1]["selection"]["best_value"]
    assert best == min(one["value"] for one in everything) < everything[-1]["value"] - 0.05
    assert measured_again(model)["log_loss/click"] == pytest.approx(best, rel=1e-6)
    lines = [line for line in read_history(model.run.history) if "selection/log_loss/click" in line]
    drawn = [{"step": line["step"], "value": line["selection/log_loss"]} for line in lines]
    assert drawn == [{"step": one["step"], "value": one["value"]} for one in everything]


@pytest.mark.slow
def test_a_refit_trains_on_all_requests_for_the_best_steps_in_proportion(
    refitted: tuple[RunModel, dict[str, Any]],
) -> None:
    model, summary = refitted
    selection = summary["selection"]
    assert (selection["requests"], selection["held_out"]) == (96, 24)
    assert selection["refit_steps"] == round(selection["best_step"] * 120 / 96)
    taken = selection["measurements"][-1]["step"]
    assert selection["best_step"] < taken < EPOCHS * 6
    assert summary["steps"] == taken + selection["refit_steps"]
    lines = read_history(model.run.history)
    assert {line["phase"] for line in lines if line["step"] <= taken} == {"selection"}
    ranking = [line for line in lines if line["step"] > taken]
    assert {line["phase"] for line in ranking} == {"ranking"} and ranking[-1]["step"] == summary["steps"]
    # The rate has fallen to its end, and a fresh model begins again at the losses of a fresh model.
    assert ranking[-1]["learning_rate"] < 0.2 * 0.01
    assert abs(ranking[0]["loss/click"] - np.log(2)) < 0.05
    assert sorted(path.stem for path in (model.run.checkpoints / "kept").glob("*.index")) == [
        f"best-{selection['best_step']}"
    ]


def at_step(step: int) -> Callable[[pytest.MonkeyPatch], None]:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        add = StepLog.add

        def add_or_stop(self: StepLog, *arguments: Any, **keywords: Any) -> None:
            add(self, *arguments, **keywords)
            if self._position.step == step:
                raise KeyboardInterrupt

        monkeypatch.setattr(StepLog, "add", add_or_stop)

    return patch


def between_phases(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(self: EarlyStopping, *arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(EarlyStopping, "restart", stop)


def after_the_best_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    keep = EarlyStopping.keep_if_best

    def keep_then_stop(self: EarlyStopping, position: Any, model: Any) -> None:
        keep(self, position, model)
        if len(position.measurements) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(EarlyStopping, "keep_if_best", keep_then_stop)


def after_the_last_checkpoint_of_the_selection(monkeypatch: pytest.MonkeyPatch) -> None:
    save = Trainer._save

    def save_then_stop(self: Trainer) -> None:
        save(self)
        if self._position.phase == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_save", save_then_stop)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["selecting", "keeping", "between", "refitting"])
def test_a_training_that_was_broken_off_ends_bit_by_bit_as_one_left_alone(
    refitted: tuple[RunModel, dict[str, Any]], run: RunDirectory, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    expected, summary = refitted
    last_of_selection = summary["selection"]["measurements"][-1]["step"]
    breaks = {
        "selecting": [at_step(last_of_selection - 1)],
        "keeping": [after_the_best_was_kept],
        "between": [between_phases],
        "refitting": [after_the_last_checkpoint_of_the_selection, at_step(last_of_selection + 5)],
    }[place]
    for break_off in breaks:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            break_off(patch)
            train(run_model(run))
    resumed = run_model(run)
    assert 0 < resumed.checkpoints.read_position().step < summary["steps"]
    assert timeless(train(resumed)) == timeless(summary)
    for ours, theirs in zip(values_of(resumed), values_of(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    kept = [sorted(path.name for path in (of.run.checkpoints / "kept").iterdir()) for of in (resumed, expected)]
    assert kept[0] == kept[1]
    steps = [[line["step"] for line in read_history(of.run.history)] for of in (resumed, expected)]
    assert set(steps[0]) >= {step for step in steps[1] if step <= last_of_selection}


def test_a_metric_that_the_cut_leaves_undefined_is_an_error(run: RunDirectory) -> None:
    model = run_model(run)
    cut = make_early_stopping(model, model.checkpoints)._cut
    tasks = model.config.model.tasks
    metrics = CutMetrics(model=model.model, data=model.training_data, cut=cut, tasks=tasks, batch_size=32)
    with pytest.raises(ConfigurationError, match=r"auc is undefined on the cut: its 24 requests lack labels of one"):
        metrics.decisive({"log_loss/click": 0.5}, "auc")
    assert metrics.decisive({"log_loss/click": 0.5, "mae/watch_time": 9.0}, "log_loss") == 0.5
    regressions = {"watch_time": tasks["watch_time"]}
    alone = CutMetrics(model=model.model, data=model.training_data, cut=cut, tasks=regressions, batch_size=32)
    # Its unit is a second.
    assert alone.decisive({"mae/watch_time": 9000.0}, "log_loss") == 9.0
    assert alone.decisive({"concordance/watch_time": 0.6}, "auc") == 0.6
