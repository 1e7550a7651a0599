"""What hiding ids gives those unknown to the graph: python -m benchmarks.unknown_ids --data DIR --work-dir DIR.

Trains configs/demo.yaml with shares of hidden ids and several seeds, on the same records. Then each validation request
is asked as it is, as of a user whom the graph does not know, and with items that it does not know; their features are
told, as a caller would tell them.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.results import benchmark_parser, tell
from tfgrec.config import RunConfig, load_run_config, load_tables_config
from tfgrec.entry_point import entry_point
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.metrics import task_metric
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages.data_stages import DataStages

CONFIG = Path(__file__).parents[1] / "configs" / "demo.yaml"
TASKS = ("is_click", "long_view", "is_like")
KINDS = ("known", "unknown_user", "unknown_items")
_SHARES, _SEEDS = (0.0, 0.1), (1, 2, 3)
# Beyond all ids of the demo's world.
_UNKNOWN = 10**9
_AT_ONCE = 256

Score = Callable[[list[bytes]], dict[str, np.ndarray]]


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = benchmark_parser("unknown_ids", "AUC of requests with ids that the graph does not know, by hidden share.")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="what tfgrec-simulate wrote")
    parser.add_argument("--work-dir", required=True, type=Path, metavar="DIR", help="where records and models go")
    parser.add_argument("--shares", nargs="+", type=float, default=list(_SHARES), help="of training.hidden_ids")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(_SEEDS))
    args = parser.parse_args(argv)
    records = RunDirectory.at(args.work_dir / "records")
    DataStages(load_run_config(CONFIG), records, args.data).run()
    found: dict[str, list[dict[str, Any]]] = {}
    for share in args.shares:
        for seed in args.seeds:
            config = load_run_config(CONFIG, [f"training.seed={seed}", f"training.hidden_ids={share}"])
            run = RunDirectory.at(args.work_dir / f"hidden-{share}-seed-{seed}", data_root=records.root)
            found.setdefault(str(share), []).append(measured(config, run))
            print(f"hidden {share}, seed {seed}: {found[str(share)][-1]}", file=sys.stderr, flush=True)
    tell({"seeds": found, "mean": {share: _mean(seeds) for share, seeds in found.items()}}, args.json)


def measured(config: RunConfig, run: RunDirectory) -> dict[str, dict[str, float]]:
    """Trains, and returns the AUC of each task by kind of request."""
    import tensorflow as tf

    from tfgrec.serving.signatures.scoring import make_scoring_function
    from tfgrec.training.run_model import RunModel
    from tfgrec.training.trainer import train

    model = RunModel(config, run)
    train(model, announce=lambda line: None)
    scoring = make_scoring_function(model.trained, model.serving_schema)

    def score(examples: list[bytes]) -> dict[str, np.ndarray]:
        scores = scoring(tf.constant(examples))
        return {task: scores[task].numpy() for task in TASKS}

    table = model.predict("validation").sort_values("request", kind="stable", ignore_index=True)
    asking = Asking(config, GraphStore.open(run.graph), table)
    return {kind: asking.aucs(kind, score) for kind in KINDS}


class Asking:
    """Asks the validation's requests again.

    Args:
      config: of the run.
      store: its graph.
      table: its predictions, in order of requests.
    """

    def __init__(self, config: RunConfig, store: GraphStore, table: pd.DataFrame) -> None:
        requests = load_tables_config(config.schema_dir).requests.model_copy(update={"unknown": "score"})
        self._service = ExampleService(store=store, sampling=config.sampling, requests=requests)
        self._store, self._table = store, table

    def aucs(self, kind: str, score: Score) -> dict[str, float]:
        """The AUC of each task when requests are asked in one of KINDS."""
        questions = [self._question(rows, kind) for _, rows in self._table.groupby("request", sort=True)]
        parts = [
            score(self._service.examples(questions[first : first + _AT_ONCE]))
            for first in range(0, len(questions), _AT_ONCE)
        ]
        return {
            task: float(
                task_metric(
                    "auc", self._table[f"label/{task}"].to_numpy(float), np.concatenate([part[task] for part in parts])
                )
            )
            for task in TASKS
        }

    def _question(self, rows: pd.DataFrame, kind: str) -> OnlineRequest:
        node_set = rows["item_node_set"].iloc[0]
        whole = node_set == "video"
        items = [int(item) for item in rows["item"]] if whole else rows["item"].tolist()
        user, of_user, of_items = int(rows["user"].iloc[0]), None, None
        if kind == "unknown_user":
            (of_user,) = self._features("user", np.array([user]))
            user += _UNKNOWN
        if kind == "unknown_items":
            of_items = self._features(node_set, np.array(items) if whole else np.array(items, object))
            items = [item + _UNKNOWN for item in items] if whole else [f"unknown {item}" for item in items]
        return OnlineRequest(
            user=user,
            time=int(rows["time"].iloc[0]),
            items=items,
            item_node_set=node_set,
            features={"scenario": rows["scenario"].iloc[0]},
            user_features=of_user,
            item_features=of_items,
        )

    def _features(self, node_set: str, ids: np.ndarray) -> list[dict[str, Any]]:
        columns = self._store.node_features(node_set, self._store.lookup(node_set, ids))
        told = {name: column.to_pylist() for name, column in columns.items() if name != "#id"}
        return [{name: values[place] for name, values in told.items()} for place in range(len(ids))]


def _mean(seeds: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {kind: {task: float(np.mean([one[kind][task] for one in seeds])) for task in TASKS} for kind in KINDS}


if __name__ == "__main__":
    sys.exit(main())
