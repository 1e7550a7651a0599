"""A policy that is an exported model, asked as production asks it: fresh examples, then signature `serving_default`."""

import time
from collections.abc import Mapping, Sequence

import numpy as np

from tfgrec.config.world import Scenario
from tfgrec.errors import TfgrecError
from tfgrec.experiment.pools import Pools
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.serving.clients.client import ModelClient, rank
from tfgrec.serving.signatures.names import COMBINED


class ModelPolicy:
    """Ranks by `combined`.

    Args:
      user_ids: the graph's id of each user, `[num_users]`.
      item_ids: by domain, the graph's id of each item, `[num_items]`.
      examples: a service on the graph and the events since.
      model: the export.
      scenarios: of the world, whose names requests carry; empty where the schema has none.
      requests_per_call: how many requests are sampled and ranked together, at most.

    Attributes:
      calls: (requests, candidates, seconds of sampling, seconds of the model) of each call.
      failed: requests that could not be scored: they got their pool's own order.
    """

    def __init__(
        self,
        *,
        user_ids: np.ndarray,
        item_ids: Mapping[str, np.ndarray],
        examples: ExampleService,
        model: ModelClient,
        scenarios: Sequence[Scenario] = (),
        requests_per_call: int = 128,
    ) -> None:
        self._requests_per_call = requests_per_call
        self._user_ids, self._item_ids, self._scenarios = user_ids, item_ids, scenarios
        self._examples, self._model = examples, model
        self.calls: list[tuple[int, int, float, float]] = []
        self.failed = 0

    def warm_up(self, moment: int) -> None:
        """Asks for one item of each domain, as model servers do before they serve: the first call takes much longer.

        Raises:
          TfgrecError: the graph or the model can't be asked.
        """
        positions = {scenario.domain: position for position, scenario in enumerate(self._scenarios)}
        requests = [
            OnlineRequest(
                user=int(self._user_ids[0]),
                time=moment,
                items=ids[:1].tolist(),
                item_node_set=domain,
                features=self._features(positions.get(domain, 0)),
            )
            for domain, ids in self._item_ids.items()
        ]
        rank(self._model, self._examples.examples(requests))

    def scores(self, asked: Sequence[Pools]) -> list[np.ndarray]:
        """See `Policy`."""
        requests = [request for pools in asked if len(pools) for request in self._requests(pools)]
        combined: list[np.ndarray] = []
        for begin in range(0, len(requests), self._requests_per_call):
            combined.extend(self._scored(requests[begin : begin + self._requests_per_call]))
        return self._as_pools(asked, combined)

    def _scored(self, requests: list[OnlineRequest]) -> list[np.ndarray]:
        """Scores of each request's candidates; zeros where a call fails."""
        try:
            started = time.perf_counter()
            examples = self._examples.examples(requests)
            sampled = time.perf_counter()
            answers = rank(self._model, examples)
        except TfgrecError:
            self.failed += len(requests)
            return [np.zeros(len(request.items)) for request in requests]
        candidates = sum(len(request.items) for request in requests)
        self.calls.append((len(requests), candidates, sampled - started, time.perf_counter() - sampled))
        return [answer[COMBINED] for answer in answers]

    def _requests(self, pools: Pools) -> list[OnlineRequest]:
        ids = self._item_ids[pools.domain]
        return [
            OnlineRequest(
                user=int(self._user_ids[user]),
                time=int(moment),
                items=ids[items[items >= 0]].tolist(),
                item_node_set=pools.domain,
                features=self._features(scenario),
            )
            for user, moment, items, scenario in zip(
                pools.users, pools.times, pools.items, pools.scenarios, strict=True
            )
            if (items >= 0).any()
        ]

    def _features(self, scenario: int) -> dict[str, str]:
        return {"scenario": self._scenarios[scenario].name} if self._scenarios else {}

    @staticmethod
    def _as_pools(asked: Sequence[Pools], combined: list[np.ndarray]) -> list[np.ndarray]:
        found, flat = [], np.concatenate(combined) if combined else np.zeros(0)
        for pools in asked:
            scores, there = np.zeros(pools.items.shape), pools.items >= 0
            count = int(there.sum())
            scores[there], flat = flat[:count], flat[count:]
            found.append(scores)
        return found
