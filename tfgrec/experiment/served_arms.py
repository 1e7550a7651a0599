"""The models of a day: yesterday's exports on yesterday's graphs, and a log of the events since."""

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tfgrec.config import load_tables_config
from tfgrec.config.world import SCENARIOS
from tfgrec.experiment.model_policy import ModelPolicy
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.log.live_graph import LiveGraph
from tfgrec.simulation.living_tables import event_tables
from tfgrec.simulation.requests import DAY_MS, FIRST_DAY_MS
from tfgrec.simulation.tables import raw_item_ids

if TYPE_CHECKING:
    from tfgrec.experiment.online_experiment import OnlineExperiment


class ServedArms:
    """Opens what serves on a day; takes the events.

    Args:
      experiment: whose day it is.
      day: one of the experiment's.

    Attributes:
      policies: by arm.
    """

    def __init__(self, experiment: "OnlineExperiment", day: int) -> None:
        from tfgrec.serving.clients.saved_model_client import SavedModelClient

        self._experiment, self._day = experiment, day
        night = experiment.nights.newest(day)
        self.policies: dict[str, ModelPolicy] = {}
        self._graphs: dict[str, LiveGraph] = {}
        for group, arms in experiment.groups.items():
            service = self._open(group, night)
            for earlier in range(night + 1, day):
                self._append(group, experiment.impressions(earlier), earlier)
            for arm in arms:
                model = SavedModelClient(experiment.directory.training(night, group, arm).newest_export)
                world = experiment.world.world
                self.policies[arm] = ModelPolicy(
                    user_ids=world.user_ids,
                    item_ids=raw_item_ids(world),
                    examples=service,
                    model=model,
                    scenarios=SCENARIOS,
                )
                self.policies[arm].warm_up(FIRST_DAY_MS + day * DAY_MS)

    def append(self, impressions: pd.DataFrame) -> None:
        """Events come in: the next request sees them."""
        for group in self._graphs:
            self._append(group, impressions, self._day)

    def cost(self) -> dict[str, Any]:
        """What serving took, by arm: milliseconds are of calls of the serving path."""
        return {arm: _cost_of(policy) for arm, policy in self.policies.items()}

    def close(self) -> None:
        """Lets go of the logs."""
        for graph in self._graphs.values():
            graph.close()

    def _open(self, group: str, night: int) -> ExampleService:
        directory = self._experiment.directory
        log = directory.log(self._day, group)
        # Of a day that was killed amid.
        shutil.rmtree(log, ignore_errors=True)
        config = self._experiment.nights.run_config(night)
        tables = load_tables_config(config.schema_dir)
        graph = LiveGraph.open_live(directory.night(night, group).graph, tables=tables, log=log, durable=False)
        self._graphs[group] = graph
        return ExampleService(store=graph, sampling=config.sampling, requests=tables.requests)

    def _append(self, group: str, impressions: pd.DataFrame, day: int) -> None:
        experiment = self._experiment
        chosen = experiment.of_group(day, impressions, experiment.groups[group])
        tables = event_tables(experiment.world.world, chosen)
        if tables:
            self._graphs[group].append(tables)


def _cost_of(policy: ModelPolicy) -> dict[str, Any]:
    calls = np.array(policy.calls).reshape(-1, 4)
    requests, candidates, sampling, model = calls.sum(axis=0).tolist()
    latencies = 1_000 * calls[:, 2:].sum(axis=1)
    quantiles = np.quantile(latencies, [0.5, 0.99]).tolist() if len(calls) else [0.0, 0.0]
    return {
        "requests": int(requests) + policy.failed,
        "failed": policy.failed,
        "candidates": int(candidates),
        "calls": len(calls),
        "sampling_seconds": sampling,
        "model_seconds": model,
        "latency_ms": dict(zip(("median", "p99"), quantiles, strict=True)),
    }
