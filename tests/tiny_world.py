"""The smallest world whose run has all stages: derived edges, pre-training, embedding, early stopping, item factors."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

_USERS, _ITEMS, _SHOWN, _DAYS = 12, 10, 160, 5
_DAY = 86_400_000
_FIRST_TIME = 1_700_000_000_000 // _DAY * _DAY

_GRAPH = """
context { features { key: "time" value { dtype: DT_INT64 } } }
node_sets { key: "user" value { features { key: "#id" value { dtype: DT_INT64 } } } }
node_sets {
  key: "item"
  value {
    features { key: "#id" value { dtype: DT_INT64 } }
    features { key: "price" value { dtype: DT_FLOAT } }
  }
}
node_sets {
  key: "_readout"
  value {
    features { key: "user_shown" value { dtype: DT_FLOAT } }
    features { key: "click" value { dtype: DT_FLOAT } }
  }
}
edge_sets {
  key: "shown"
  value {
    source: "user"
    target: "item"
    features { key: "time" value { dtype: DT_INT64 } }
    features { key: "click" value { dtype: DT_FLOAT } }
  }
}
edge_sets {
  key: "shown_by"
  value {
    source: "item"
    target: "user"
    features { key: "time" value { dtype: DT_INT64 } }
    features { key: "click" value { dtype: DT_FLOAT } }
  }
}
edge_sets {
  key: "alike"
  value {
    source: "item"
    target: "item"
    features { key: "time" value { dtype: DT_INT64 } }
    features { key: "weight" value { dtype: DT_FLOAT } }
  }
}
edge_sets { key: "_readout/user" value { source: "user" target: "_readout" } }
edge_sets { key: "_readout/item" value { source: "item" target: "_readout" } }
"""
_TABLES: dict[str, Any] = {
    "tables": {
        "users": {"path": "users.csv"},
        "items": {"path": "items.csv"},
        "log": {"path": "log.parquet", "time": {"column": "time", "unit": "milliseconds"}},
    },
    "node_sets": {
        "user": {"table": "users", "id": "user"},
        "item": {"table": "items", "id": "item", "features": {"price": "price"}},
    },
    "edge_sets": {
        "shown": {"sources": [{"table": "log", "source": "user", "target": "item", "features": {"click": "click"}}]},
        "shown_by": {"reverse_of": "shown"},
        "alike": {"derived": {"kind": "co_watch", "from": "shown", "refresh_seconds": 43_200}},
    },
    "requests": {
        "user_node_set": "user",
        "sources": [{"table": "log", "user": "user", "item": "item", "item_node_set": "item"}],
        "labels": {"click": "click"},
        "temporal_degrees": {"user_shown": {"of": "user", "edge_set": "shown"}},
    },
}
_CONFIG: dict[str, Any] = {
    "name": "tiny",
    "schema_dir": "schema",
    "arm": "two_stage",
    "split": {"column": "day", "train": [1, 3], "validation": [4, 4]},
    "build": {"shards": 1},
    "sampling": {"hops": [{"shown": 3}, {"alike": 2}], "history": {"shown": 4}, "output_shards": 1},
    "model": {
        "encoder": {"rounds": 1, "units": 4, "message_units": 4},
        "towers": {"cross_layers": 0, "bottom_units": [4], "task_units": [4]},
        "fusion": {"match": "dot"},
        "match": {"factors": {"outcomes": {"shown": "click"}, "dimension": 2, "refits": 2}},
        "tasks": {"click": {"label": "click"}},
        "balancing": {"method": "fixed"},
    },
    "pretraining": {"objective": "link_prediction", "refresh_hours": 72},
    "training": {
        "epochs": 2,
        "pretraining_epochs": 1,
        "batch_size": 16,
        "early_stopping": {"share": 0.3, "patience": 1},
        "checkpoint_every_steps": 1,
        "log_every_steps": 1,
        "diagnostics_every_steps": 1_000,
    },
    "evaluation": {"min_scenario_rows": 20},
}


def write_tiny_world(folder: Path) -> None:
    """Writes data/, schema/ and config.yaml in `folder`."""
    (folder / "data").mkdir(parents=True)
    (folder / "schema").mkdir()
    for name, frame in _frames().items():
        frame.to_csv(folder / "data" / name, index=False)
    _log().to_parquet(folder / "data" / "log.parquet", index=False)
    (folder / "schema" / "graph.pbtxt").write_text(_GRAPH)
    (folder / "schema" / "tables.yaml").write_text(yaml.safe_dump(_TABLES))
    (folder / "config.yaml").write_text(yaml.safe_dump(_CONFIG))


def _frames() -> dict[str, pd.DataFrame]:
    items = np.arange(_ITEMS)
    return {
        "users.csv": pd.DataFrame({"user": np.arange(_USERS)}),
        "items.csv": pd.DataFrame({"item": items, "price": items * 1.5}),
    }


def _log() -> pd.DataFrame:
    random = np.random.default_rng(3)
    users, items = random.integers(0, _USERS, _SHOWN), random.integers(0, _ITEMS, _SHOWN)
    times = _FIRST_TIME + np.sort(random.integers(0, _DAYS * _DAY, _SHOWN))
    # Who likes what has a rule, so that there is something to learn.
    clicks = random.random(_SHOWN) < np.where((users + items) % 2, 0.8, 0.2)
    columns = {"user": users, "item": items, "time": times, "click": clicks.astype(np.int64)}
    return pd.DataFrame({**columns, "day": (times - _FIRST_TIME) // _DAY})
