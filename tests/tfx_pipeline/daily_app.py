"""An app with a log file a day, and the pipeline that runs on it: small enough for tests."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from daily_world import SMALL, copy_days, write_config, write_world

from tfx_pipeline.local.local_run import METADATA
from tfx_pipeline.local.run_record import RunRecord, read_newest_run
from tfx_pipeline.local_runner import main

ROOT = Path(__file__).parents[2]
FIRST_DAY, NEXT_DAY = 4, 5
TINY = [
    *SMALL,
    "model.encoder={rounds: 1, units: 16, message_units: 16}",
    "model.towers={bottom_units: [16], task_units: [8], cross_layers: 1}",
    "model.balancing={initial_loss_steps: 2, learning_rate: 0.1}",
    "training.epochs=1",
    "training.checkpoint_every_steps=2",
    "training.log_every_steps=1",
    "evaluation.min_scenario_rows=50",
    "pipeline.window={train_days: 3, eval_days: 1}",
    "pipeline.drift._readout={is_click: 0.2, long_view: 0.2}",
]
ANY_MODEL = "pipeline.thresholds={is_click: {auc: {at_least: 0.1, min_gain: -1}}}"
FAR_BETTER = "pipeline.thresholds={is_click: {auc: {at_least: 0.1, min_gain: 0.5}}}"


class App:
    """An app whose logs are a file a day, and the folder of the pipeline that runs on them."""

    def __init__(self, folder: Path):
        self.data, self.root, self._schema = folder / "data", folder / "pipeline", folder / "schema"
        self._world = write_world(folder / "world")
        write_config(folder)
        self.add_days(0, FIRST_DAY)

    def add_days(self, first: int, last: int) -> None:
        copy_days(self._world, self.data, range(first, last + 1))

    @contextlib.contextmanager
    def spoiled_day(self, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> Iterator[None]:
        """Has the next day's log of video views edited, and takes the day away again."""
        self.add_days(NEXT_DAY, NEXT_DAY)
        path = self.data / "video_views" / f"day-{NEXT_DAY}.parquet"
        edit(pd.read_parquet(path)).to_parquet(path, index=False)
        yield
        for of_day in self.data.glob(f"*/day-{NEXT_DAY}.parquet"):
            of_day.unlink()

    def arguments(self, day: int, *settings: str) -> list[str]:
        places = {"config": ROOT / "configs" / "demo.yaml", "data": self.data, "pipeline-root": self.root, "day": day}
        named = [f"--{name}={value}" for name, value in places.items()]
        return [*named, "--set", f"schema_dir={self._schema}", *TINY, *(settings or (ANY_MODEL,))]

    def run(self, day: int, *settings: str) -> int:
        return main(self.arguments(day, *settings))

    @property
    def newest_run(self) -> RunRecord:
        return read_newest_run(self.root / METADATA)

    def states(self) -> dict[str, str]:
        return {component.name: component.state for component in self.newest_run.components}

    @property
    def versions(self) -> list[str]:
        return sorted(path.name for path in (self.root / "serving" / "demo").glob("*"))
