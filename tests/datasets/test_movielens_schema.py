"""schemas/movielens and configs/movielens.yaml fit each other and what tfgrec-convert writes, people named or not."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rating_world import write_ratings

from beam_jobs.build_graph import main as build_graph
from beam_jobs.sample_subgraphs import main as sample_subgraphs
from beam_jobs.tfrecords.tfrecord_shards import read_records
from benchmarks.counted_features import counted_features
from benchmarks.movielens import main as benchmark
from tfgrec.checks.preflight import check_run
from tfgrec.checks.tables_check import check_tables
from tfgrec.commands.train import main as train
from tfgrec.config import load_run_config, load_tables_config
from tfgrec.data.schema_file import read_graph_schema
from tfgrec.datasets import convert_movielens
from tfgrec.graph.sampling.record_schema import record_schema

CONFIG = Path(__file__).parents[2] / "configs" / "movielens.yaml"
SMALL = [
    "build.shards=2",
    "sampling.output_shards=2",
    "model.encoder={rounds: 1, units: 8}",
    "model.towers={bottom_units: [16], task_units: [8], cross_layers: 1}",
    "training.epochs=1",
    "training.batch_size=32",
    "training.early_stopping=null",
]
# Degrees of our schema -> the peer's columns of the same meaning; where nothing was rated, the peer has NaN.
SAME = {
    "user_rated": "user_rated",
    "user_loved": "user_loved",
    "user_disliked_1d": "user_1d_disliked",
    "user_mean_rating": "user_mean_rating",
    "user_mean_rating_1d": "user_1d_mean_rating",
    "user_since_rated": "user_since_rated",
    "movie_rated": "movie_rated",
    "movie_liked": "movie_liked",
    "movie_since_rated": "movie_since_rated",
    "user_genre_rated": "user_genre_rated",
    "user_genre_disliked": "user_genre_disliked",
    "user_genre_mean_rating": "user_genre_mean_rating",
    "user_decade_liked": "user_decade_liked",
    "user_director_liked": "user_director_liked",
    "user_actor_mean_rating": "user_actor_mean_rating",
    "user_genre_best_rating": "user_genre_best_rating",
    "user_genre_average_rating": "user_genre_average_rating",
    "user_actor_worst_rating": "user_actor_worst_rating",
    "director_rated": "director_rated",
    "director_mean_rating": "director_mean_rating",
    "actor_liked": "actor_liked",
    "actor_mean_rating": "actor_mean_rating",
}


def without_edges(name: str) -> float:
    """What our degree is where the peer has NaN."""
    return -1.0 if "since" in name else 3.5 if "rating" in name else 0.0


def test_configuration_schema_and_tables_fit() -> None:
    config = load_run_config(CONFIG)
    tables = load_tables_config(config.schema_dir)
    schema = read_graph_schema(Path(config.schema_dir) / "graph.pbtxt", tables)
    check_tables(schema, tables, "tables.yaml")
    check_run(config, tables)
    assert {"user", "movie", "genre", "director", "actor"} <= set(
        record_schema(schema, config.sampling).stored_node_sets
    )
    train_slices, validation = config.split.train, config.split.validation
    assert 0 < train_slices[0] < train_slices[1] < validation[0] <= validation[1] < 99


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Converted ratings, by whether people are named."""
    folders = {}
    for credits in (False, True):
        folder = tmp_path_factory.mktemp("credits" if credits else "nobody")
        num_ratings = write_ratings(folder / "source", credits=credits)
        conversion = convert_movielens(folder / "source", folder / "data")
        assert conversion.rows["ratings.parquet"] == num_ratings
        folders[credits] = folder / "data"
    return folders


@pytest.mark.slow
@pytest.mark.parametrize("credits", [False, True], ids=["nobody named", "people named"])
def test_peers_count_what_the_graph_store_counts(data: dict[bool, Path], tmp_path: Path, credits: bool) -> None:
    folder, options = data[credits], ["--config", str(CONFIG), "--data", str(data[credits]), "--set", *SMALL]
    build_graph([*options, "--output", str(tmp_path / "graph")])
    sample_subgraphs([*options, "--graph", str(tmp_path / "graph"), "--output", str(tmp_path / "examples")])
    manifest = json.loads((tmp_path / "graph" / "manifest.json").read_text())
    assert manifest["edge_sets"]["by_director"]["count"] == (60 if credits else 0)

    ratings, users, movies = (pd.read_parquet(folder / f"{name}.parquet") for name in ("ratings", "users", "movies"))
    peer, ours = counted_features(ratings, users, movies), candidates(tmp_path / "examples")
    keys = ["user", "time", "movie"]
    peer[keys] = ratings[["user_id", "time", "movie_id"]].to_numpy()
    both = ours.merge(peer, on=keys, suffixes=("", " of the peer"), validate="one_to_one")
    assert len(both) == len(ours) == ratings["slice"].between(10, 89).sum()
    for name, column in SAME.items():
        expected = both[column if column not in ours else f"{column} of the peer"]
        expected = expected.fillna(without_edges(name))
        np.testing.assert_allclose(both[name], expected, rtol=1e-5, err_msg=name)


@pytest.mark.slow
def test_ratings_become_a_model_beside_its_peers(data: dict[bool, Path], tmp_path: Path) -> None:
    run, folder = tmp_path / "run", str(data[False])
    assert train(["--config", str(CONFIG), "--data", folder, "--run-dir", str(run), "--set", *SMALL]) == 0
    metrics = json.loads((run / "metrics.json").read_text())["validation"]
    file = tmp_path / "peers.json"
    benchmark(["--data", folder, "--json", str(file), "--seeds", "1", "--threads", "1", "--run-dir", str(run)])
    told = json.loads(file.read_text())
    assert told["rows"] == metrics["rows"]
    assert told["metrics"].keys() == {"lightgbm", "lightgbm_svd", "run"}
    for task in ("liked", "loved", "disliked"):
        assert told["metrics"]["run"][task]["auc"] == pytest.approx(metrics[task]["auc"], abs=1e-6)
    assert told["auc_less_lightgbm_svd"].keys() == {"lightgbm", "run"}


def candidates(examples: Path) -> pd.DataFrame:
    """One row a candidate of all records: user, time in seconds, movie, and the request features."""
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    rows = []
    for split in ("train", "validation"):
        records = [record for path in sorted((examples / split).iterdir()) for record in read_records(str(path))]
        for record in ExamplesToRecordBatchDecoder().DecodeBatch(records).to_pylist():
            ties = zip(record["edges/_readout/item.#target"], record["edges/_readout/item.#source"], strict=True)
            for place, source in ties:
                values = {name: record[f"nodes/_readout.{name}"][place] for name in SAME}
                user = record["nodes/user.#id"][record["edges/_readout/user.#source"][place]]
                movie = record["nodes/movie.#id"][source]
                rows.append({"user": user, "time": record["context/time"][0] // 1000, "movie": movie, **values})
    return pd.DataFrame(rows)
