"""A policy that is an exported model, asked as production asks it: fresh examples, then signature `serving_default`."""

import time
from collections.abc import Sequence

import numpy as np

from tfgrec.config.world import SCENARIOS
from tfgrec.errors import TfgrecError
from tfgrec.experiment.pools import Pools
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.serving.client import ModelClient, rank
from tfgrec.serving.signature_names import COMBINED
from tfgrec.simulation.tables import raw_item_ids
from tfgrec.simulation.world import World


class ModelPolicy:
    """Ranks by `combined`.

    Args:
      world: whose ids the graph has.
      examples: a service on the graph and the events since.
      model: the export.

    Attributes:
      calls: (requests, candidates, seconds of sampling, seconds of the model) of each call.
      failed: requests that could not be scored: they got their pool's own order.
    """

    def __init__(self, *, world: World, examples: ExampleService, model: ModelClient) -> None:
        self._user_ids, self._item_ids = world.user_ids, raw_item_ids(world)
        self._examples, self._model = examples, model
        self.calls: list[tuple[int, int, float, float]] = []
        self.failed = 0

    def warm_up(self, moment: int) -> None:
        """Asks for one item of each domain, as model servers do before they serve: the first call takes much longer.

        Raises:
          TfgrecError: the graph or the model can't be asked.
        """
        scenarios = {scenario.domain: scenario.name for scenario in SCENARIOS}
        requests = [
            OnlineRequest(
                user=int(self._user_ids[0]),
                time=moment,
                items=ids[:1].tolist(),
                item_node_set=domain,
                features={"scenario": scenarios[domain]},
            )
            for domain, ids in self._item_ids.items()
        ]
        rank(self._model, self._examples.examples(requests))

    def scores(self, asked: Sequence[Pools]) -> list[np.ndarray]:
        """See `Policy`."""
        requests = [request for pools in asked for request in self._requests(pools)]
        try:
            started = time.perf_counter()
            examples = self._examples.examples(requests)
            sampled = time.perf_counter()
            answers = rank(self._model, examples)
        except TfgrecError:
            self.failed += len(requests)
            return [np.zeros(pools.items.shape) for pools in asked]
        candidates = sum(len(request.items) for request in requests)
        self.calls.append((len(requests), candidates, sampled - started, time.perf_counter() - sampled))
        return self._as_pools(asked, [answer[COMBINED] for answer in answers])

    def _requests(self, pools: Pools) -> list[OnlineRequest]:
        ids = self._item_ids[pools.domain]
        return [
            OnlineRequest(
                user=int(self._user_ids[user]),
                time=int(moment),
                items=ids[items[items >= 0]].tolist(),
                item_node_set=pools.domain,
                features={"scenario": SCENARIOS[scenario].name},
            )
            for user, moment, items, scenario in zip(
                pools.users, pools.times, pools.items, pools.scenarios, strict=True
            )
            if (items >= 0).any()
        ]

    @staticmethod
    def _as_pools(asked: Sequence[Pools], combined: list[np.ndarray]) -> list[np.ndarray]:
        found, flat = [], np.concatenate(combined) if combined else np.zeros(0)
        for pools in asked:
            scores, there = np.zeros(pools.items.shape), pools.items >= 0
            count = int(there.sum())
            scores[there], flat = flat[:count], flat[count:]
            found.append(scores)
        return found
