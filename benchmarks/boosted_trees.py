"""LightGBM as a careful user trains it: stopped on the newest training rows, then trained on all of them."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

_PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 31,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "verbose": -1,
}
_MOST_TREES, _PATIENCE = 2_000, 60


@dataclasses.dataclass(frozen=True)
class Rows:
    """Which rows are for what, bool `[num_rows]` each: `fit` and `cut` are training, `cut` being the newest of it."""

    fit: np.ndarray
    cut: np.ndarray
    validation: np.ndarray


def predict_validation(
    features: pd.DataFrame, labels: np.ndarray, rows: Rows, *, seed: int, threads: int
) -> np.ndarray:
    """Probabilities of the validation rows, float64 `[num_validation]`.

    The number of trees is the best on the cut, scaled to the rows of both.
    """
    import lightgbm

    parameters = {**_PARAMETERS, "seed": seed, "num_threads": threads}
    fit = lightgbm.Dataset(features[rows.fit], labels[rows.fit], free_raw_data=False)
    cut = lightgbm.Dataset(features[rows.cut], labels[rows.cut], reference=fit)
    stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
    trees = lightgbm.train(parameters, fit, _MOST_TREES, valid_sets=[cut], callbacks=[stop]).best_iteration
    training = rows.fit | rows.cut
    trees = max(1, round(trees * training.sum() / rows.fit.sum()))
    model = lightgbm.train(parameters, lightgbm.Dataset(features[training], labels[training]), trees)
    return model.predict(features[rows.validation])
