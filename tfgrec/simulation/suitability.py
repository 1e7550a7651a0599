"""The dial: whether tastes decide what is shown and watched, or chance in their place.

With g = `graph_signal`, a user u, an item i of a request's pool, their affinity a(u, i) on that day, and

    s(u, i) = a(u, i) with probability g, else a(u', i')                                              (1)
    trend(i, day) = g * topic(i) . trend(day) + sqrt(1 - g^2) * own_trend(i, day)                     (2)
    logit of a click = click_logit + bias(u) + taste_strength * s(u, i) + quality(i) + trend(i, day)  (3)

where u' and i' are drawn anew for each item of each request, as users and items come by activity and popularity. The
same s chooses candidates. So s has one distribution at every g: as many clicks, as sure a truth. Its correlation with
a(u, i) is g. At 0, s in (1) depends on neither u nor i, and no two items share a trend in (2): the logit (3) is the sum
of the scenario, the user's own bias, the item's own quality and trend, and chance. All but chance are counted (the
rates of a user and of an item, in all and lately). Neighbours tell nothing more than how much a count weighs: a click
of somebody who clicks on all is worth less.
"""

from typing import TYPE_CHECKING

import numpy as np

from tfgrec.config.world import SCENARIOS, Scenario

if TYPE_CHECKING:
    from tfgrec.simulation.world import World


def suitability(world: "World", scenario: Scenario, day: int, users: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """How well items suit users this time, s in equation (1).

    Args:
      world: its settings hold the dial.
      scenario: whose requests they are.
      day: when.
      users: int `[num_requests]`.
      pool: the items to choose from, int `[num_requests, pool_size]`.

    Returns:
      float64 `[num_requests, pool_size]`, of about unit variance.
    """
    own = world.affinity(scenario.domain, day, users[:, np.newaxis], pool)
    if world.settings.graph_signal == 1:
        return own
    # Drawn apart from all else: worlds that differ in the dial alone have the same requests and pools.
    generator = np.random.default_rng([world.settings.seed, 5, day, SCENARIOS.index(scenario)])
    rates = np.where(world.join_days <= day, world.activity, 0)
    others = generator.choice(len(rates), size=pool.shape, p=rates / rates.sum())
    borrowed = world.affinity(scenario.domain, day, others, generator.choice(pool.reshape(-1), size=pool.shape))
    return np.where(generator.random(pool.shape) < world.settings.graph_signal, own, borrowed)
