"""What a metric is: a ratio of sums over rows, users or requests, and what reports and thresholds ask of it."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd

from tfgrec.metrics.pair_order import correct_share


@dataclasses.dataclass(frozen=True)
class TaskRows:
    """The rows of a task whose label is known, all `[num_rows]`.

    Attributes:
      labels: float64: 0 or 1, or numbers in their unit.
      scores: predictions, float64: probabilities, or numbers in the label's unit.
      users: of any type that can be sorted; None: all rows are one user's.
      requests: the same; rows of a request are of one user.
    """

    labels: np.ndarray
    scores: np.ndarray
    users: np.ndarray | None = None
    requests: np.ndarray | None = None

    @functools.cached_property
    def user_codes(self) -> np.ndarray:
        """The place of each row's user among all users in their order, int64 `[num_rows]`."""
        return self._codes(self.users)

    @functools.cached_property
    def request_codes(self) -> np.ndarray:
        """The same of the row's request."""
        return self._codes(self.requests)

    def _codes(self, values: np.ndarray | None) -> np.ndarray:
        return np.zeros(len(self.labels), np.int64) if values is None else pd.factorize(values, sort=True)[0]


@dataclasses.dataclass(frozen=True)
class Terms:
    """What a metric is a ratio of: float64 `above` and `below` `[num_terms]`, and the code of each term's user."""

    above: np.ndarray
    below: np.ndarray
    users: np.ndarray


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric of a kind of task, as metrics.json, reports, comparisons and the pipeline's evaluation read it.

    Attributes:
      name: its key in metrics.json and in `pipeline.thresholds`.
      kind: of tasks, which all have it.
      heading: its name for people.
      definition: what it is, in a sentence or two, for reports and docs/metrics.md.
      terms: what it is the ratio of; it is undefined where the sum below is zero.
      better: where it is better; "neither" where no gain can be asked for.
      share: whether it lies between 0 and 1.
      compared: whether comparisons of arms have its interval.
      pairs: whether terms are of ordered pairs, each of which two rows share.
      in_label_units: whether it is in the unit of the label.
      digits: that are shown after the point, of what is not in the unit of the label.
    """

    name: str
    kind: Literal["binary", "regression"]
    heading: str
    definition: str
    terms: Callable[[TaskRows], Terms]
    better: Literal["higher", "lower", "neither"] = "higher"
    share: bool = False
    compared: bool = False
    pairs: bool = False
    in_label_units: bool = False
    digits: int = 4

    def value(self, rows: TaskRows) -> float | None:
        """The metric of rows; None where it is undefined."""
        if self.pairs:
            return correct_share(rows.labels, rows.scores)
        terms = self.terms(rows)
        total = terms.below.sum()
        return float(terms.above.sum() / total) if total > 0 else None
