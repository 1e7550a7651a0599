"""Which users and items the requests of a run ask for, and as of which refresh: what there have to be vectors of."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import tensorflow as tf

from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.input_pipeline import parse_merged, read_records
from tfgrec.graph.schema import ID, READOUT, TIME, USER_READOUT, EdgeSet, GraphSchema, NodeSet
from tfgrec.graph.store.files import write_atomically
from tfgrec.model.fusion.readout import readout_edges
from tfgrec.model.static_vectors import EmbeddedRows

_MILLISECONDS_PER_HOUR = 3_600_000
_MADE_FROM = "made_from"
_BATCH = 2_048


def refresh_interval(refresh_hours: float) -> int:
    """Milliseconds between two refreshes, at least one."""
    return max(1, round(refresh_hours * _MILLISECONDS_PER_HOUR))


def requested_nodes(examples: ExamplesDirectory, *, interval: int) -> dict[str, EmbeddedRows]:
    """The users and candidates of all requests of all splits, by node set.

    Args:
      examples: the records.
      interval: milliseconds between refreshes. A request's is the newest multiple since 1970 that is not after it.
    """
    readouts = [USER_READOUT, *examples.schema.item_readouts().values()]
    spec = graph_tensor_spec(_needed(examples.schema, readouts))

    def read(serialized: tf.Tensor) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        graph = parse_merged(spec, serialized)
        times = tf.repeat(tf.reshape(graph.context[TIME], [-1]), graph.node_sets[READOUT].sizes)
        return {
            name: (
                tf.gather(graph.node_sets[examples.schema.edge_sets[name].source][ID], edges.nodes),
                tf.gather(times // interval * interval, edges.candidates),
            )
            for name, edges in ((name, readout_edges(graph, name)) for name in readouts)
        }

    read = tf.function(read, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in readouts}
    for split in examples.splits.values():
        for serialized in read_records(list(split.files)).batch(_BATCH) if split.files else ():
            for name, (ids, refreshes) in read(serialized).items():
                pairs = pd.DataFrame({"id": _texts(ids.numpy()), "refresh": refreshes.numpy()})
                found[name].append(pairs.drop_duplicates())
    return {examples.schema.edge_sets[name].source: _rows(parts) for name, parts in found.items()}


def kept_requested_nodes(
    examples: ExamplesDirectory, *, interval: int, made_from: str, path: Path
) -> dict[str, EmbeddedRows]:
    """`requested_nodes`, read from `path` where that was written for the records `made_from`; else written there."""
    made_from = f"{made_from} every {interval} ms"
    if path.exists():
        with np.load(path) as kept:
            if str(kept[_MADE_FROM]) == made_from:
                node_sets = sorted({name.partition("/")[0] for name in kept.files} - {_MADE_FROM})
                return {
                    name: EmbeddedRows(_texts(kept[f"{name}/ids"]), kept[f"{name}/refreshes"]) for name in node_sets
                }
    rows = requested_nodes(examples, interval=interval)
    columns = {_MADE_FROM: np.array(made_from)}
    for name, of_set in rows.items():
        # Texts of one width: nothing has to be unpickled.
        ids = of_set.ids.astype(str) if of_set.ids.dtype == object else of_set.ids
        columns |= {f"{name}/ids": ids, f"{name}/refreshes": of_set.refreshes}

    def write(file: BinaryIO) -> None:
        np.savez_compressed(file, **columns)

    write_atomically(path, write)
    return rows


def _needed(schema: GraphSchema, readouts: Iterable[str]) -> GraphSchema:
    """The part of the schema that tells who and what is asked for, and when."""
    edge_sets = {name: EdgeSet(schema.edge_sets[name].source, READOUT, {}) for name in readouts}
    node_sets = {edges.source: schema.node_sets[edges.source].features[ID] for edges in edge_sets.values()}
    return GraphSchema(
        context={TIME: schema.context[TIME]},
        node_sets={READOUT: NodeSet({}), **{name: NodeSet({ID: feature}) for name, feature in node_sets.items()}},
        edge_sets=edge_sets,
    )


def _rows(parts: list[pd.DataFrame]) -> EmbeddedRows:
    pairs = pd.concat(parts).drop_duplicates().sort_values(["id", "refresh"])
    return EmbeddedRows(pairs["id"].to_numpy(), pairs["refresh"].to_numpy(np.int64))


def _texts(ids: np.ndarray) -> np.ndarray:
    """Ids as int64 or as Python's texts, of which TensorFlow makes bytes, and NumPy's files texts of one width."""
    if ids.dtype.kind in "OS":
        return np.array([one.decode("utf-8") for one in ids], object)
    return ids.astype(object) if ids.dtype.kind == "U" else ids
