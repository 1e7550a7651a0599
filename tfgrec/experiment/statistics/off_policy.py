"""What a policy would earn, told from what another one logged: before anybody is served by it.

Of n logged choices with reward r, logging propensity p (not below a floor), the target's probability t of the same
choice, a model q of the reward, and its mean m over what the target would choose:

    replay              mean of r where the target makes the same choice (Li, Chu, Langford and Wang, arXiv 1003.5956):
                        right where all logged choices were as likely
    ips                 mean(r t / p) (Horvitz and Thompson, 1952)
    snips               sum(r t / p) / sum(t / p) (Swaminathan and Joachims, NeurIPS 2015)
    doubly_robust       mean(m + (r - q) t / p) (Dudik, Langford and Li, arXiv 1103.4601)
"""

import dataclasses
import statistics
from collections.abc import Callable

import numpy as np

from tfgrec.experiment.statistics.delta_method import UserSums


@dataclasses.dataclass(frozen=True)
class LoggedChoices:
    """Choices of a logging policy beside those of a target, all float64 `[num_choices]`.

    Attributes:
      rewards: what came of the logged choice.
      propensities: its probability under the logging policy.
      targets: its probability under the target.
      modelled: a reward model's value of it.
      expected: that model's mean over the target's choices.
    """

    rewards: np.ndarray
    propensities: np.ndarray
    targets: np.ndarray
    modelled: np.ndarray
    expected: np.ndarray

    def weights(self, floor: float) -> np.ndarray:
        """The target's probability over the logging one, which counts as the floor where it is below."""
        return self.targets / np.maximum(self.propensities, floor)


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean reward of the target with its interval over choices."""

    value: float
    low: float
    high: float


def replay(logged: LoggedChoices, floor: float = 0.0) -> UserSums:
    """The sums whose ratio the estimate is; `floor` is not read."""
    same = np.asarray(logged.targets > 0, float)
    return UserSums(logged.rewards * same * logged.targets, same * logged.targets)


def ips(logged: LoggedChoices, floor: float = 0.0) -> UserSums:
    """Inverse propensity scores."""
    return UserSums.of_means(logged.rewards * logged.weights(floor))


def snips(logged: LoggedChoices, floor: float = 0.0) -> UserSums:
    """Self-normalised inverse propensity scores."""
    weights = logged.weights(floor)
    return UserSums(logged.rewards * weights, weights)


def doubly_robust(logged: LoggedChoices, floor: float = 0.0) -> UserSums:
    """A reward model, corrected by inverse propensity scores of what it misses."""
    return UserSums.of_means(logged.expected + (logged.rewards - logged.modelled) * logged.weights(floor))


ESTIMATORS: dict[str, Callable[[LoggedChoices, float], UserSums]] = {
    "replay": replay,
    "ips": ips,
    "snips": snips,
    "doubly_robust": doubly_robust,
}


def estimate(sums: UserSums, *, confidence: float = 0.95) -> Estimate:
    """The ratio of sums over choices, with an interval by the delta method."""
    half = statistics.NormalDist().inv_cdf((1 + confidence) / 2) * float(np.sqrt(sums.variance))
    return Estimate(sums.ratio, sums.ratio - half, sums.ratio + half)


def effective_choices(logged: LoggedChoices, floor: float = 0.0) -> float:
    """How many choices with equal weights would tell as much (Kish)."""
    weights = logged.weights(floor)
    return float(weights.sum() ** 2 / (weights**2).sum()) if weights.any() else 0.0
