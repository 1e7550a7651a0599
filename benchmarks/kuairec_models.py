"""Our models in the experiment on KuaiRec: trained on the log, exported, and served with what came since."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.kuairec_tables import write_tables
from tfgrec.config import dump_config, load_run_config, load_tables_config
from tfgrec.config.world import VIDEO
from tfgrec.experiment.model_policy import ModelPolicy
from tfgrec.files import read_json, write_json
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.log.live_graph import LiveGraph
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.stage_log import run_module
from tfgrec.simulation.requests import FIRST_DAY_MS
from tfgrec.stages.data_stages import DataStages

CONFIG = Path(__file__).parents[1] / "configs" / "kuairec.yaml"


class KuaiRecModels:
    """Trains arms in a folder; what is trained is not trained again.

    Args:
      folder: where tables, graph, records and runs go.
      users: ids of the experiment's users, in the order of the world's.
      videos: ids of the experiment's videos, likewise.
      seed: of requests and trainings.
      changes: of configs/kuairec.yaml, as `--set` of tfgrec-train.
    """

    def __init__(
        self, folder: Path, *, users: np.ndarray, videos: np.ndarray, seed: int, changes: Sequence[str] = ()
    ) -> None:
        self._users, self._videos, self._seed = users, videos, seed
        self._changes = [*changes, f"training.seed={seed}"]
        self._data, self._records = folder / "data", RunDirectory.at(folder / "records")
        self._folder = folder
        self._config = load_run_config(CONFIG, self._changes)

    def prepare(self, source: Path, log: pd.DataFrame) -> None:
        """Makes the tables, the graph and the records of all arms.

        Raises:
          TfgrecError: a table is missing, or the configuration can't be used.
        """
        made_from = {"seed": self._seed, "users": len(self._users), "videos": len(self._videos), "views": len(log)}
        marker = self._data / "made_from.json"
        if not marker.exists() or read_json(marker) != made_from:
            write_tables(source, self._data, log=log, users=self._users, videos=self._videos, seed=self._seed)
            write_json(marker, made_from)
        DataStages(self._config, self._records, self._data).run()

    def train(self, arm: str) -> float:
        """Trains, measures and exports an arm; returns the seconds."""
        run, started = self._run(arm), time.monotonic()
        asked = run.root / "asked.yaml"
        run.root.mkdir(parents=True, exist_ok=True)
        dump_config(load_run_config(CONFIG, [*self._changes, f"arm={arm}"]), asked)
        options = {"config": asked, "run-dir": run.root, "data-root": run.data_root}
        given = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        run_module("tfgrec.experiment.arm_training", *given)
        return time.monotonic() - started

    def served(self, arm: str) -> "ServedModel":
        """The arm's newest export on the graph of the log, and nothing since."""
        from tfgrec.serving.clients.saved_model_client import SavedModelClient

        tables, log = load_tables_config(self._config.schema_dir), self._folder / "live" / f"{arm}.log"
        shutil.rmtree(log, ignore_errors=True)
        graph = LiveGraph.open_live(self._records.graph, tables=tables, log=log, durable=False)
        policy = ModelPolicy(
            user_ids=self._users,
            item_ids={VIDEO: self._videos},
            examples=ExampleService(store=graph, sampling=self._config.sampling, requests=tables.requests),
            model=SavedModelClient(self._run(arm).newest_export),
        )
        policy.warm_up(FIRST_DAY_MS)
        return ServedModel(policy, graph, users=self._users, videos=self._videos)

    def _run(self, arm: str) -> RunDirectory:
        return RunDirectory.at(self._folder / "arms" / arm, data_root=self._records.root)


class ServedModel:
    """A policy that is told what came of what it showed.

    Attributes:
      policy: the model.
    """

    def __init__(self, policy: ModelPolicy, graph: LiveGraph, *, users: np.ndarray, videos: np.ndarray) -> None:
        self.policy, self._graph, self._users, self._videos = policy, graph, users, videos

    def observe(self, impressions: pd.DataFrame) -> None:
        """Videos that were watched more than twice become edges, which the next request sees."""
        taken = impressions[impressions["is_click"]]
        rows = {
            "user_id": self._users[taken["user"]],
            "video_id": self._videos[taken["item"]],
            "time_ms": taken["time_ms"].to_numpy(),
        }
        if len(taken):
            self._graph.append({"views": pd.DataFrame(rows)})

    def cost(self) -> dict[str, Any]:
        """Requests, those that failed, and the seconds of sampling and of the model."""
        calls = np.array(self.policy.calls).reshape(-1, 4).sum(axis=0)
        names = ("requests", "candidates", "sampling_seconds", "model_seconds")
        return {**dict(zip(names, calls.tolist(), strict=True)), "failed": self.policy.failed}

    def close(self) -> None:
        """Lets go of the log."""
        self._graph.close()
