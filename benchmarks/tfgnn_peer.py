"""TF-GNN's own Beam sampler on a synthetic graph: the same edges, seeds and fan-out, in its own files."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import tensorflow as tf
from absl import flags

from benchmarks.synthetic_graph import SyntheticGraph

_SCHEMA = """
node_sets { key: "user" value {
  features { key: "age" value { dtype: DT_FLOAT } } metadata { filename: "users.csv" } } }
node_sets { key: "item" value {
  features { key: "length" value { dtype: DT_FLOAT } } metadata { filename: "items.csv" } } }
edge_sets { key: "watched" value { source: "user" target: "item" metadata { filename: "watched.csv" } } }
edge_sets { key: "watched_by" value { source: "item" target: "user" metadata { filename: "watched_by.csv" } } }
"""
_PLAN = """
seed_op { op_name: "seed" node_set_name: "user" }
sampling_ops {
  op_name: "watched" input_op_names: "seed" edge_set_name: "watched" sample_size: 10 strategy: RANDOM_UNIFORM }
sampling_ops {
  op_name: "watched_by" input_op_names: "watched" edge_set_name: "watched_by" sample_size: 5 strategy: RANDOM_UNIFORM }
"""


class TfgnnSampler:
    """`tfgnn_sampler` on a copy of a synthetic graph's tables; `folder` is new."""

    def __init__(self, graph: SyntheticGraph, folder: Path) -> None:
        from tensorflow_gnn.experimental.sampler.beam import sampler

        self._sampler, self._folder = sampler, folder
        self._seeds = pq.read_table(graph.data / "requests.parquet").column("user").unique()
        _write_tables(graph, folder)

    @property
    def num_seeds(self) -> int:
        """How many seeds there are: the distinct users of the requests."""
        return len(self._seeds)

    def seconds(self, num_seeds: int) -> float:
        """Samples the first `num_seeds` seeds; wall-clock seconds of the whole pipeline.

        Raises:
          RuntimeError: it wrote fewer samples than it had seeds.
        """
        run = self._folder / f"of_{num_seeds}"
        run.mkdir()
        with open(run / "seeds.csv", "w", encoding="utf-8") as file:
            file.write("".join(["id\n", *(f"{seed}\n" for seed in self._seeds[:num_seeds].to_pylist())]))
        options = {
            "graph_schema": self._folder / "graph.pbtxt",
            "sampling_spec": self._folder / "plan.pbtxt",
            "input_seeds": run / "seeds.csv",
            "output_samples": run / "samples.tfrecord",
            "runner": "DirectRunner",
        }
        # The sampler finds its layers by name, which Keras numbers on from run to run.
        tf.keras.backend.clear_session()
        with _flags_of(self._sampler, options):
            started = time.monotonic()
            self._sampler.app_main(["tfgnn_sampler"])
            seconds = time.monotonic() - started
        written = sum(1 for _ in tf.data.TFRecordDataset([str(path) for path in run.glob("samples.tfrecord*")]))
        if written != num_seeds:
            raise RuntimeError(f"tfgnn_sampler wrote {written} samples of {num_seeds} seeds")
        return seconds


@contextmanager
def _flags_of(sampler: ModuleType, options: Mapping[str, str | Path]) -> Iterator[None]:
    """Gives the sampler its flags, then takes them back: its `--runner` would refuse runners of TFX components."""
    others = set(flags.FLAGS)
    sampler.define_flags()
    try:
        flags.FLAGS(["tfgnn_sampler", *(f"--{name}={value}" for name, value in options.items())])
        yield
    finally:
        for name in set(flags.FLAGS) - others:
            delattr(flags.FLAGS, name)


def _write_tables(graph: SyntheticGraph, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "graph.pbtxt").write_text(_SCHEMA)
    (folder / "plan.pbtxt").write_text(_PLAN)
    _write_csv(graph.data / "users.parquet", {"user": "id", "age": "age"}, folder / "users.csv")
    _write_csv(graph.data / "items.parquet", {"item": "id", "length": "length"}, folder / "items.csv")
    events = graph.data / "events.parquet"
    _write_csv(events, {"user": "source", "item": "target"}, folder / "watched.csv")
    _write_csv(events, {"item": "source", "user": "target"}, folder / "watched_by.csv")


def _write_csv(parquet: Path, names: Mapping[str, str], path: Path) -> None:
    table = pq.read_table(parquet, columns=list(names)).select(list(names))
    pa_csv.write_csv(table.rename_columns(list(names.values())), path)
