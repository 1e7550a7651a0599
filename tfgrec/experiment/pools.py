"""What a policy is asked: sessions that want a slate, each with a pool of items to choose it from."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np


@dataclasses.dataclass(frozen=True)
class Pools:
    """Requests of one domain, all `[num_requests]` but `items [num_requests, pool_size]`, which is -1 for no item.

    `users` and `items` are positions in the world, `numbers` count a user's sessions of the day and `rounds` the
    requests of the session, `scenarios` are positions in the world's scenarios, `times` ms since 1970.
    """

    domain: str
    day: int
    users: np.ndarray
    numbers: np.ndarray
    rounds: np.ndarray
    times: np.ndarray
    scenarios: np.ndarray
    items: np.ndarray

    def __len__(self) -> int:
        return len(self.users)

    def taken(self, chosen: np.ndarray) -> "Pools":
        """Some of them, by positions or a mask."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return Pools(**{name: value if name in ("domain", "day") else value[chosen] for name, value in values.items()})


class Policy(Protocol):
    """What ranks."""

    def scores(self, asked: Sequence[Pools]) -> list[np.ndarray]:
        """A score for each item of each pool, `[num_requests, pool_size]` for each of `asked`; -1 may have any."""
        ...


def slates(pools: Pools, scores: np.ndarray, size: int) -> np.ndarray:
    """The best items of each pool, best first: `[num_requests, size]`, -1 where a pool has no more."""
    order = np.argsort(-np.where(pools.items >= 0, scores, -np.inf), axis=1, kind="stable")[:, :size]
    return np.take_along_axis(pools.items, order, axis=1)


def ranked(
    pools: Sequence[Pools], arms: Sequence[np.ndarray], policies: Mapping[str, Policy], size: int
) -> list[np.ndarray]:
    """The slates of requests, each by the policy of its arm.

    Args:
      pools: what is asked, by domain.
      arms: of each of `pools` the positions of the requests' arms in `policies`.
      policies: by arm.
      size: how many items a slate has.
    """
    found = [np.full((len(of_domain), size), -1) for of_domain in pools]
    for position, policy in enumerate(policies.values()):
        chosen = [np.flatnonzero(of_domain == position) for of_domain in arms]
        asked = [of_domain.taken(rows) for of_domain, rows in zip(pools, chosen, strict=True)]
        if not any(map(len, asked)):
            continue
        for slate, rows, of_domain, scores in zip(found, chosen, asked, policy.scores(asked), strict=True):
            best = slates(of_domain, scores, size)
            slate[rows, : best.shape[1]] = best
    return found
