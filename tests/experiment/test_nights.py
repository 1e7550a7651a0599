"""What a night is made of: its graph adds to the one before, its training starts from the one before, once."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from tfgrec.config import load_run_config
from tfgrec.config.experiment import ExperimentConfig, load_experiment_config
from tfgrec.errors import ConfigurationError
from tfgrec.experiment import nights as nights_module
from tfgrec.experiment.experiment_directory import ExperimentDirectory
from tfgrec.experiment.nights import Nights
from tfgrec.experiment.online_experiment import OnlineExperiment
from tfgrec.simulation.living_tables import write_day_schema

CONFIG = Path(__file__).parents[2] / "configs" / "experiment_demo.yaml"
SETTINGS = ["pre_days=4", "days=5", "retraining.every_days=2", "retraining.window_days=2", "set=[training.seed=100]"]
SETTINGS += ["retraining.set=[training.epochs=7]", "seed=5"]


@dataclasses.dataclass
class Jobs:
    """What was asked to run, in order."""

    run: list[tuple[str, ...]]


@pytest.fixture
def config() -> ExperimentConfig:
    return load_experiment_config(CONFIG, SETTINGS)


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Jobs:
    found = Jobs([])

    class Stages:
        def __init__(self, config, run, data, announce, jobs):
            self._key = (str(run.root), config.split.train, config.split.validation)

        def run(self):
            found.run.append(("stages", *self._key))

        def sample(self):
            found.run.append(("sample", *self._key))

    monkeypatch.setattr(nights_module, "DataStages", Stages)
    monkeypatch.setattr(nights_module, "run_module", lambda *arguments: found.run.append(arguments))
    monkeypatch.setattr(nights_module.JobProcess, "run", lambda self, *arguments: found.run.append(arguments))
    return found


def test_nights_come_after_the_pre_period_and_every_second_day(config, tmp_path):
    nights = Nights(config, ExperimentDirectory(tmp_path), {})
    assert [day for day in range(9) if nights.is_due(day)] == [3, 5, 7]
    assert [nights.newest(day) for day in (4, 5, 6, 8)] == [3, 3, 5, 7]


def test_the_first_night_builds_and_the_next_adds_and_starts_from_it(config, tmp_path, jobs):
    directory = ExperimentDirectory(tmp_path)
    write_day_schema(Path(load_run_config(config.run).schema_dir), directory.schema)
    nights = Nights(config, directory, {"shared": ["joint", "no_graph"]}, announce=lambda line: None)
    nights.check()
    nights.run(3)
    first, second = (directory.night(day, "shared") for day in (3, 5))
    # Days 2 and 3, the last four hours aside; days 0 and 1 are in the graph alone.
    assert jobs.run[0] == ("stages", str(first.root), (48, 91), (92, 95))
    assert [job[0] for job in jobs.run[1:]] == ["tfgrec.experiment.arm_training"] * 2
    jobs.run.clear()
    nights.run(3)
    assert jobs.run == []
    nights.run(5)
    build, sample, joint, no_graph = jobs.run
    options = dict(zip(build[1::2], build[2::2], strict=True))
    assert build[0] == "beam_jobs.build_graph"
    assert options["--add-to"] == str(first.graph) and options["--output"] == str(second.graph)
    assert sample == ("sample", str(second.root), (96, 139), (140, 143))
    written = load_run_config(directory.training(5, "shared", "joint").root / "asked.yaml")
    assert written.training.warm_start_from == str(directory.training(3, "shared", "joint").root)
    assert (written.arm, written.training.epochs, written.training.seed) == ("joint", 7, 105)
    earlier = load_run_config(directory.training(3, "shared", "no_graph").root / "asked.yaml")
    assert earlier.training.warm_start_from is None and earlier.training.epochs != 7
    assert set(nights.seconds(5, "shared")) == {"graph and records", "joint", "no_graph"}


def test_a_pre_period_without_a_day_to_train_on_is_refused(tmp_path):
    config = load_experiment_config(CONFIG, ["pre_days=2"])
    with pytest.raises(ConfigurationError, match="pre_days: 2 leave no day to train on"):
        Nights(config, ExperimentDirectory(tmp_path), {"shared": ["joint"]}).check()


def test_with_own_logs_each_arm_learns_from_its_own_users_once_the_experiment_runs(tmp_path):
    arms = ("joint", "random", "no_graph")
    config = load_experiment_config(CONFIG, ["pre_days=3", "retraining.logs=own", "world.users=30"])
    experiment = OnlineExperiment(config, arms, tmp_path)
    assert experiment.groups == {"joint": ["joint"], "no_graph": ["no_graph"]}
    shown = pd.DataFrame({"arm": [0, 1, 2, 2]})
    assert experiment.of_group(3, shown, ["no_graph"])["arm"].tolist() == [2, 2]
    # Before, one policy serves all, and all learn from it.
    assert len(experiment.of_group(2, shown, ["no_graph"])) == 4
    shared = OnlineExperiment(load_experiment_config(CONFIG, ["world.users=30"]), arms, tmp_path)
    assert shared.groups == {"shared": ["joint", "no_graph"]} and len(shared.of_group(9, shown, ["joint"])) == 4
