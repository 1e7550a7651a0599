"""Matrix factorisation with biases by alternating least squares (Koren, Bell and Volinsky, Computer 42(8), 2009).

An outcome is o = b_u + b_i + p_u . q_i + noise. With the items fixed each user's (p_u, b_u) is the solution of a small
ridge regression, and the other way round. A pass costs one product of a sparse and a dense matrix each way.
"""

import dataclasses

import numpy as np
import scipy.sparse

# Rows whose normal equations are held at once.
_ROWS_AT_ONCE = 1 << 16
_INITIAL_DEVIATION = 0.1


@dataclasses.dataclass(frozen=True)
class Factors:
    """One side's factors.

    Attributes:
      vectors: float64 `[num_rows, dimension]`.
      biases: float64 `[num_rows]`.
    """

    vectors: np.ndarray
    biases: np.ndarray

    @classmethod
    def initial(cls, rows: int, dimension: int) -> "Factors":
        """Small random vectors, the same at each call."""
        random = np.random.default_rng(0)
        return cls(random.normal(0.0, _INITIAL_DEVIATION, (rows, dimension)), np.zeros(rows))


@dataclasses.dataclass(frozen=True)
class Ridge:
    """Weights of the penalties on a row's squared vector and squared bias; both are above 0."""

    vectors: float
    biases: float


def factorise(
    users: np.ndarray,
    items: np.ndarray,
    outcomes: np.ndarray,
    *,
    num_users: int,
    start: Factors,
    ridge: Ridge,
    passes: int,
) -> Factors:
    """The items' factors after some passes, from those of an earlier fit.

    Args:
      users: numbers of users, int `[num_outcomes]`.
      items: numbers of items, int `[num_outcomes]`.
      outcomes: float `[num_outcomes]`; of a pair that comes twice, both count.
      num_users: how many users there are.
      start: the items' factors.
      ridge: penalties.
      passes: how often users, then items are fitted.

    Returns:
      Zeros for items without an outcome.
    """
    shape = num_users, len(start.biases)
    counts = scipy.sparse.csr_matrix((np.ones(len(outcomes)), (users, items)), shape)
    sums = scipy.sparse.csr_matrix((outcomes, (users, items)), shape)
    by_item = counts.T.tocsr(), sums.T.tocsr()
    of_items = start
    for _ in range(passes):
        of_users = _fitted(counts, sums, of_items, ridge)
        of_items = _fitted(*by_item, of_users, ridge)
    return of_items


def _fitted(counts: scipy.sparse.csr_matrix, sums: scipy.sparse.csr_matrix, others: Factors, ridge: Ridge) -> Factors:
    """The rows' factors, given those of the columns."""
    inputs = np.concatenate([others.vectors, np.ones((len(others.biases), 1))], axis=1)
    width = inputs.shape[1]
    products = (inputs[:, :, np.newaxis] * inputs[:, np.newaxis]).reshape(-1, width * width)
    expected = others.biases[:, np.newaxis] * inputs
    penalty = np.diag([*[ridge.vectors] * (width - 1), ridge.biases])
    solved = np.zeros((counts.shape[0], width))
    for first in range(0, counts.shape[0], _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        normal = (counts[rows] @ products).reshape(-1, width, width) + penalty
        residuals = sums[rows] @ inputs - counts[rows] @ expected
        solved[rows] = np.linalg.solve(normal, residuals[..., np.newaxis])[..., 0]
    return Factors(solved[:, :-1], solved[:, -1])
