"""The factorisation against ridge regressions written out row by row, and what it finds in made-up data."""

import numpy as np
import pytest

from tfgrec.factors.alternating_least_squares import Factors, Ridge, factorise

RIDGE = Ridge(vectors=0.7, biases=2.0)


def a_log(seed: int, *, users: int = 9, items: int = 7, events: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """With pairs that come twice; the last user and the last item have none."""
    random = np.random.default_rng(seed)
    return random.integers(0, users - 1, events), random.integers(0, items - 1, events), random.normal(size=events)


def ridge_rows(rows: np.ndarray, columns: np.ndarray, outcomes: np.ndarray, others: Factors, size: int) -> Factors:
    vectors, biases = np.zeros((size, others.vectors.shape[1])), np.zeros(size)
    for row in range(size):
        own = rows == row
        inputs = np.concatenate([others.vectors[columns[own]], np.ones((own.sum(), 1))], axis=1)
        penalty = np.diag([*[RIDGE.vectors] * vectors.shape[1], RIDGE.biases])
        residuals = outcomes[own] - others.biases[columns[own]]
        found = np.linalg.inv(inputs.T @ inputs + penalty) @ inputs.T @ residuals
        vectors[row], biases[row] = found[:-1], found[-1]
    return Factors(vectors, biases)


@pytest.mark.parametrize("passes", [1, 3])
def test_each_pass_solves_each_row(passes: int) -> None:
    users, items, outcomes = a_log(1)
    start = Factors.initial(7, 3)
    found = factorise(users, items, outcomes, num_users=9, start=start, ridge=RIDGE, passes=passes)
    expected = start
    for _ in range(passes):
        of_users = ridge_rows(users, items, outcomes, expected, 9)
        expected = ridge_rows(items, users, outcomes, of_users, 7)
    np.testing.assert_allclose(found.vectors, expected.vectors, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.biases, expected.biases, rtol=1e-8, atol=1e-12)
    assert not found.vectors[6].any()
    assert found.biases[6] == 0


def test_rows_are_alike_however_many_are_solved_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    users, items, outcomes = a_log(2)
    options = {"num_users": 9, "start": Factors.initial(7, 2), "ridge": RIDGE, "passes": 2}
    expected = factorise(users, items, outcomes, **options)
    monkeypatch.setattr("tfgrec.factors.alternating_least_squares._ROWS_AT_ONCE", 4)
    np.testing.assert_allclose(factorise(users, items, outcomes, **options).vectors, expected.vectors, rtol=1e-9)


def test_what_was_planted_is_found() -> None:
    """Outcomes of two factors: the pairs left out are foretold, which biases alone can't."""
    random = np.random.default_rng(3)
    of_users, of_items = random.normal(size=(200, 2)), random.normal(size=(60, 2))
    users, items = np.divmod(random.permutation(200 * 60)[:6_000], 60)
    outcomes = (of_users[users] * of_items[items]).sum(axis=1)
    seen = slice(0, 5_000)
    found = factorise(
        users[seen], items[seen], outcomes[seen], num_users=200, start=Factors.initial(60, 4), ridge=RIDGE, passes=15
    )
    errors = []
    for user, item, outcome in zip(users[5_000:], items[5_000:], outcomes[5_000:], strict=True):
        own = np.flatnonzero(users[seen] == user)
        inputs = found.vectors[items[own]]
        taste = np.linalg.solve(
            inputs.T @ inputs + 0.7 * np.eye(4), inputs.T @ (outcomes[own] - found.biases[items[own]])
        )
        errors.append(outcome - found.biases[item] - found.vectors[item] @ taste)
    assert np.mean(np.square(errors)) < 0.1 * outcomes.var()
