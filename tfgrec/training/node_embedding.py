"""Embeds nodes between pre-training and ranking: the second of the stages that arm two_stage consists of."""

import hashlib
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import tensorflow as tf

from tfgrec.config import load_tables_config
from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.parsed_records import parse_merged
from tfgrec.errors import ConfigurationError
from tfgrec.files import child, exists, read_json, write_atomically, write_json
from tfgrec.graph.examples.solo_examples import Side, SoloExamples
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.model.fusion.graph_fields import GRAPH_FIELDS
from tfgrec.model.pretraining.link_prediction import of_unit_length
from tfgrec.progress import Advance, stage_progress
from tfgrec.serving.signatures.names import EXAMPLES

if TYPE_CHECKING:
    from tfgrec.training.run_model import RunModel

_MANIFEST = "manifest.json"
_FIELDS: dict[Side, str] = {"user": GRAPH_FIELDS[0], "item": GRAPH_FIELDS[1]}


class NodeEmbedding:
    """Runs the frozen encoder on the solo subgraph of each node that requests read, as of each refresh.

    A node is sampled alone at the refresh time, so that it sees edges from before that and none of what requests bring
    along. Vectors go to a folder named by the encoder's weights, a file a node set and refresh, each whole or not at
    all; `manifest.json` comes last. What is there is not done again: a pass that was killed goes on.

    Args:
      run_model: the run; its model is pre-trained, its graph store is there.
      announce: told what is done or skipped.

    Raises:
      ConfigurationError: several processes train together, or there is no graph store.
    """

    def __init__(self, run_model: "RunModel", *, announce: Callable[[str], None] = print) -> None:
        self._run_model = run_model
        self._announce = announce
        self._batch_size = run_model.config.training.evaluation_batch_size
        check_embedding(run_model)

    @cached_property
    def _store(self) -> GraphStore:
        return GraphStore.open(self._run_model.run.graph, checked=True)

    @cached_property
    def _examples(self) -> SoloExamples:
        config = self._run_model.config
        requests = load_tables_config(config.schema_dir).requests
        return SoloExamples(store=self._store, sampling=config.sampling, requests=requests)

    @property
    def folder(self) -> Path:
        """Where the vectors of the model's encoder, as it is now, are."""
        digest = hashlib.sha256()
        for variable in self._run_model.model.encoder_variables:
            digest.update(np.ascontiguousarray(variable.numpy()).tobytes())
        digest.update(self._run_model.model.static_vectors.rows_digest.encode())
        return self._run_model.run.embeddings / digest.hexdigest()[:16]

    def fill(self) -> None:
        """Gives the model's static vectors their values, from the disk as far as they are there."""
        folder, layer = self.folder, self._run_model.model.static_vectors
        if (folder / _MANIFEST).exists():
            self._announce(f"embedding: skipped, {folder} holds the vectors of this encoder")
        total = sum(len(rows.ids) for rows in layer.rows.values())
        seconds = {}
        with stage_progress("embedding", total, unit="nodes") as advance:
            for node_set in layer.rows:
                vectors, seconds[node_set] = self._of_node_set(folder, node_set, advance)
                layer.assign(node_set, vectors)
        if not (folder / _MANIFEST).exists():
            write_json(folder / _MANIFEST, self._costs(seconds))
            self._announce(f"embedding: {total:,} vectors in {sum(seconds.values()):,.0f} s, in {folder}")

    def costs(self) -> dict[str, Any]:
        """What training.json says of the pass.

        Returns:
          `embedding_seconds`; `nodes_embedded`, pairs of a node and a refresh; `refreshes`, how many there are; and
          `full_refresh_seconds`, what embedding all users and items of the graph once would take, at the measured rate.
        """
        return read_json(self.folder / _MANIFEST)

    def _costs(self, seconds: dict[str, float]) -> dict[str, Any]:
        rows = self._run_model.static_rows
        embedded = {node_set: len(of_set.ids) for node_set, of_set in rows.items()}
        rates = [
            self._store.num_nodes(node_set) * seconds[node_set] / max(embedded[node_set], 1) for node_set in embedded
        ]
        return {
            "embedding_seconds": sum(seconds.values()),
            "nodes_embedded": sum(embedded.values()),
            "refreshes": len(np.unique(np.concatenate([of_set.refreshes for of_set in rows.values()]))),
            "full_refresh_seconds": sum(rates),
        }

    def _of_node_set(self, folder: Path, node_set: str, advance: Advance) -> tuple[np.ndarray, float]:
        """The vectors of a node set's rows `[num_rows, units]`, and the seconds that they took to embed."""
        rows = self._run_model.static_rows[node_set]
        vectors = np.zeros([len(rows.ids), self._run_model.config.model.encoder.units], np.float32)
        seconds = 0.0
        for refresh in np.unique(rows.refreshes):
            chosen = np.flatnonzero(rows.refreshes == refresh)
            path = Path(child(folder, f"{node_set}-{refresh}.npz"))
            if not path.exists():
                _write(path, self._embed(node_set, rows.ids[chosen], int(refresh)))
            with np.load(path) as kept:
                vectors[chosen], seconds = kept["vectors"], seconds + float(kept["seconds"])
            advance(len(chosen))
        return vectors, seconds

    def _embed(self, node_set: str, ids: np.ndarray, refresh: int) -> dict[str, np.ndarray]:
        """The vectors of nodes by raw id as of a time, zeros for those that the graph does not have."""
        encode = self._encode
        started = time.monotonic()
        nodes = self._store.lookup(node_set, ids)
        vectors = np.zeros([len(ids), self._run_model.config.model.encoder.units], np.float32)
        there = np.flatnonzero(nodes >= 0)
        for batch in _batches(there, self._batch_size):
            examples, side = self._solo_examples(node_set, nodes[batch], refresh)
            vectors[batch] = encode(tf.constant(examples))[_FIELDS[side]].numpy()
        return {"vectors": vectors, "seconds": np.float64(time.monotonic() - started)}

    def _solo_examples(self, node_set: str, nodes: np.ndarray, refresh: int) -> tuple[list[bytes], Side]:
        times = np.full(len(nodes), refresh, np.int64)
        item_readouts = self._run_model.examples.schema.item_readouts()
        if node_set in item_readouts:
            return self._examples.items(node_set, nodes, times), "item"
        # The encoder reads nothing of the request, nor what the user looks for.
        return self._examples.users(nodes, times, next(iter(item_readouts)), None), "user"

    @cached_property
    def _encode(self) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        """Serialized solo examples `[batch_size]` to projected states of length 1; traced before it is timed."""
        model, spec = self._run_model.model, graph_tensor_spec(self._run_model.serving_schema)

        def encode(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            vectors = model.encode_roots(parse_merged(spec, examples))
            # Whatever lengths an objective gives them: ranking's maps and sums start at one scale.
            return {name: of_unit_length(values) for name, values in vectors.items()}

        signature = [tf.TensorSpec([None], tf.string, name=EXAMPLES)]
        function = tf.function(encode, input_signature=signature, autograph=False)
        return function.get_concrete_function()


def check_embedding(run_model: "RunModel") -> None:
    """Refuses what a two_stage training can't do.

    Raises:
      ConfigurationError: several processes train together, or there is no graph store.
    """
    if run_model.config.training.distribution == "multi_worker":
        raise ConfigurationError("training.distribution: multi_worker is not for arm two_stage: use none or mirrored")
    if not exists(run_model.run.graph):
        raise ConfigurationError(
            f"arm two_stage embeds nodes from the graph, and there is no graph store in {run_model.run.graph}: train "
            "with tfgrec-train, or take arm frozen_encoder, which needs the records alone"
        )


def _batches(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _write(path: Path, columns: dict[str, np.ndarray]) -> None:
    def write(file: BinaryIO) -> None:
        np.savez(file, **columns)

    write_atomically(path, write)
