"""What a finished run left in its directory, as far as a report needs it."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from tfgrec.config import RunConfig
from tfgrec.errors import InputDataError
from tfgrec.files import exists, read_json
from tfgrec.run.run_directory import RunDirectory


class RunResults:
    """Reads what a report needs of the run directory `root`, each file when it is first asked for.

    `part` is `validation` or `test`. Properties raise InputDataError where a file is missing that every run has that
    was evaluated on it.
    """

    def __init__(self, root: str | Path, *, part: str = "validation"):
        self.directory = RunDirectory.at(root)
        self.part = part

    @cached_property
    def config(self) -> RunConfig:
        """The resolved configuration of the run."""
        return self.directory.read_config()

    @cached_property
    def config_text(self) -> str:
        """config.yaml as it is."""
        return _existing(self.directory.config).read_text(encoding="utf-8")

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """`validation`, `scenarios` and `cold_start` of metrics.json."""
        return json.loads(_existing(self.directory.metrics).read_text(encoding="utf-8"))

    @property
    def of_part(self) -> dict[str, Any]:
        """The metrics over all rows of the part."""
        if self.part not in self.metrics:
            raise InputDataError(
                f"{self.directory.metrics}: was not measured on part '{self.part}': set split.{self.part}"
            )
        return self.metrics[self.part]

    @property
    def scenarios(self) -> dict[str, Any]:
        """Those of the part's rows in each scenario."""
        return (self.metrics if self.part == "validation" else self.of_part)["scenarios"]

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Labels and predictions of the part, one row a candidate."""
        run = self.directory
        return pd.read_parquet(_existing(run.predictions if self.part == "validation" else run.test_predictions))

    @cached_property
    def training(self) -> dict[str, Any]:
        """Steps and seconds of the training; empty for a run that was not trained here."""
        path = self.directory.training
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    @cached_property
    def records_bytes(self) -> int | None:
        """Bytes of all records that the run reads; None where they are gone."""
        path = RunDirectory.open(self.directory.root).examples_manifest
        if not exists(path):
            return None
        splits = read_json(path)["splits"].values()
        return sum(shard["bytes"] for split in splits for shard in split["shards"])

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row a logged step, columns as they were logged; empty where nothing was."""
        path = self.directory.history
        # A line without its newline was cut off by an interruption.
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        return pd.DataFrame([json.loads(line) for line in lines], columns=None if lines else ["step", "phase", "epoch"])


def _existing(path: Path) -> Path:
    if not path.exists():
        raise InputDataError(f"{path}: is missing; a report is made of a trained and evaluated run")
    return path
