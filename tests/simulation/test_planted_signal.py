"""The promise of the simulation: the graph knows what features and counts do not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.sparse.linalg
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from tfgrec.metrics import task_metric
from tfgrec.simulation import DOMAINS, WorldSettings, create_world, simulate_interactions, write_tables

FIRST_TRAINING_DAY = 2
FIRST_VALIDATION_DAY = 8
DIMENSIONS = 8
SHRINKAGE = 5.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_graph_knows_what_features_and_counts_do_not(seed, tmp_path):
    found = click_aucs(WorldSettings(seed=seed), tmp_path)
    assert found["oracle"] > found["features and counts"] + 0.15
    assert found["with graph"] > found["features and counts"] + 0.025
    assert found["with graph"] < found["oracle"] - 0.08


def test_without_tastes_the_graph_knows_nothing_more(tmp_path):
    found = click_aucs(WorldSettings(taste_strength=0), tmp_path)
    assert found["with graph"] == pytest.approx(found["features and counts"], abs=0.01)


@pytest.mark.slow
def test_features_that_tell_the_truth_leave_less_to_the_graph(tmp_path):
    weak = click_aucs(WorldSettings(), tmp_path / "weak")
    true = click_aucs(WorldSettings(feature_fidelity=1), tmp_path / "true")
    assert true["features and counts"] > weak["features and counts"] + 0.05
    assert true["with graph"] - true["features and counts"] < weak["with graph"] - weak["features and counts"] - 0.01


def click_aucs(settings: WorldSettings, folder: Path) -> dict[str, float]:
    """AUC of clicks on the validation days: of the world's own probabilities, of trees without and with the graph."""
    log, items, users = _simulated(settings, folder)
    features = _features_and_counts(log, items, users)
    graph = _graph_scores(log)
    train = log["day"].between(FIRST_TRAINING_DAY, FIRST_VALIDATION_DAY - 1).to_numpy()
    validation = (log["day"] >= FIRST_VALIDATION_DAY).to_numpy()
    labels = log["is_click"].to_numpy(dtype=float)

    def of_trees(columns: pd.DataFrame) -> float:
        trees = HistGradientBoostingClassifier(
            max_iter=120, learning_rate=0.06, max_leaf_nodes=15, categorical_features="from_dtype", random_state=0
        )
        # Threads of trees that wait for a busy machine's cores spin, and take the time of everybody.
        with threadpool_limits(1):
            trees.fit(columns[train], labels[train])
            return task_metric("auc", labels[validation], trees.predict_proba(columns[validation])[:, 1])

    return {
        "oracle": task_metric("auc", labels[validation], log["click_probability"].to_numpy()[validation]),
        "features and counts": of_trees(features),
        "with graph": of_trees(pd.concat([features, graph], axis=1)),
    }


def _simulated(settings: WorldSettings, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Both domains' log, items and users as they were written, and the log's unwritten click probabilities."""
    world = create_world(settings)
    interactions = simulate_interactions(world)
    write_tables(world, interactions, folder)
    logs = [pd.read_parquet(folder / "video_views.parquet"), pd.read_parquet(folder / "live_visits.parquet")]
    items = [pd.read_csv(folder / "videos.csv"), pd.read_csv(folder / "live_rooms.csv")]
    id_columns = {"video_id": "item_id", "room_id": "item_id"}
    log, items = (pd.concat([part.rename(columns=id_columns) for part in parts]) for parts in (logs, items))
    log["click_probability"] = np.concatenate([interactions[domain].click_probability for domain in DOMAINS])
    log = log.merge(items[["item_id", "author_id"]], on="item_id", how="left")
    return log, items, pd.read_csv(folder / "users.csv")


def _features_and_counts(log: pd.DataFrame, items: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    """What a ranker without a graph sees: all columns of the tables, and counts strictly before each row's day."""
    columns = log[["user_id", "item_id", "day", "scenario", "is_click"]]
    columns = columns.merge(items, on="item_id", how="left").merge(users, on="user_id", how="left")
    columns["hour"] = log["time_ms"].to_numpy() // 3_600_000 % 24
    for key in ("user_id", "item_id", "author_id"):
        daily = columns.groupby([key, "day"])["is_click"].agg(["size", "sum"]).reset_index().sort_values("day")
        before = daily.groupby(key)[["size", "sum"]].cumsum() - daily[["size", "sum"]]
        daily[f"{key}_shown"], daily[f"{key}_clicked"] = before["size"], before["sum"]
        daily[f"{key}_rate"] = (before["sum"] + 4) / (before["size"] + 10)
        columns = columns.merge(daily.drop(columns=["size", "sum"]), on=[key, "day"], how="left")
    columns = columns.join(columns["tags"].str.get_dummies(","))
    columns = columns.drop(columns=["user_id", "item_id", "day", "is_click", "tags"])
    texts = [name for name in columns if not pd.api.types.is_numeric_dtype(columns[name]) or name == "author_id"]
    return columns.astype(dict.fromkeys(texts, "category"))


def _graph_scores(log: pd.DataFrame) -> pd.DataFrame:
    """Affinity by a truncated SVD of the clicks (less the mean rate) of all days before each row's day."""
    users, items = pd.factorize(log["user_id"])[0], pd.factorize(log["item_id"])[0]
    authors = pd.factorize(log["author_id"])[0]
    surprise = (log["is_click"] - log["is_click"].mean()).to_numpy()
    days = log["day"].to_numpy()
    scores = {"affinity": np.zeros(len(log)), "author_affinity": np.zeros(len(log))}
    for day in range(1, days.max() + 1):
        past, today = days < day, days == day
        for name, columns in (("affinity", items), ("author_affinity", authors)):
            shape = (users.max() + 1, columns.max() + 1)
            matrix = scipy.sparse.csr_matrix((surprise[past], (users[past], columns[past])), shape=shape)
            _, _, topics = scipy.sparse.linalg.svds(matrix.astype(float), k=DIMENSIONS, random_state=0)
            seen = np.asarray(abs(matrix).sum(axis=1)).reshape(-1, 1)
            tastes = (matrix @ topics.T) / np.sqrt(seen + SHRINKAGE)
            scores[name][today] = (tastes[users[today]] * topics.T[columns[today]]).sum(axis=1)
    return pd.DataFrame(scores, index=log.index)
