"""Which users and items the requests of a run read, and as of which refresh: what there have to be vectors of."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import tensorflow as tf

from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.parsed_records import parse_merged, read_records
from tfgrec.files import write_atomically
from tfgrec.graph.schema import ID, READOUT, TIME, USER_READOUT, EdgeSet, GraphSchema, NodeSet
from tfgrec.model.fusion.readout import readout_edges
from tfgrec.model.static_vectors import EmbeddedRows

_MILLISECONDS_PER_HOUR = 3_600_000
_MADE_FROM = "made_from"
_BATCH = 2_048


def refresh_interval(refresh_hours: float) -> int:
    """Milliseconds between two refreshes, at least one."""
    return max(1, round(refresh_hours * _MILLISECONDS_PER_HOUR))


def requested_nodes(examples: ExamplesDirectory, *, interval: int) -> dict[str, EmbeddedRows]:
    """The users and candidates of all requests of all splits, and the items of their histories, by node set.

    Args:
      examples: the records.
      interval: milliseconds between refreshes. A request's is the newest multiple since 1970 that is not after it.
    """
    schema = examples.schema
    readouts = [USER_READOUT, *schema.item_readouts().values()]
    # What a candidate is matched with needs a vector as the candidate does.
    node_sets = {name: schema.edge_sets[name].source for name in readouts}
    node_sets |= {
        name: of.target for name, of in schema.history_node_sets.items() if of.target in schema.item_readouts()
    }
    histories = [name for name in node_sets if name not in readouts]
    spec = graph_tensor_spec(_needed(schema, readouts, histories))

    def read(serialized: tf.Tensor) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        graph = parse_merged(spec, serialized)
        refreshes = tf.reshape(graph.context[TIME], [-1]) // interval * interval
        of_candidates = tf.repeat(refreshes, graph.node_sets[READOUT].sizes)
        found = {}
        for name in readouts:
            edges = readout_edges(graph, name)
            ids = tf.gather(graph.node_sets[node_sets[name]][ID], edges.nodes)
            found[name] = ids, tf.gather(of_candidates, edges.candidates)
        for name in histories:
            found[name] = graph.node_sets[name][ID], tf.repeat(refreshes, graph.node_sets[name].sizes)
        return found

    read = tf.function(read, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    found: dict[str, list[pd.DataFrame]] = {node_set: [] for node_set in node_sets.values()}
    for split in examples.splits.values():
        for serialized in read_records(split.records).batch(_BATCH) if len(split.records) else ():
            for name, (ids, refreshes) in read(serialized).items():
                pairs = pd.DataFrame({"id": _texts(ids.numpy()), "refresh": refreshes.numpy()})
                found[node_sets[name]].append(pairs.drop_duplicates())
    return {node_set: _rows(parts) for node_set, parts in found.items()}


def kept_requested_nodes(
    examples: ExamplesDirectory, *, interval: int, made_from: str, path: Path
) -> dict[str, EmbeddedRows]:
    """`requested_nodes`, read from `path` where that was written for the records `made_from`; else written there."""
    made_from = f"{made_from} every {interval} ms, with histories"
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


def _needed(schema: GraphSchema, readouts: Iterable[str], histories: Iterable[str]) -> GraphSchema:
    """The part of the schema that tells who and what is asked for, what was met, and when."""
    edge_sets = {name: EdgeSet(schema.edge_sets[name].source, READOUT, {}) for name in readouts}
    node_sets = {edges.source: schema.node_sets[edges.source].features[ID] for edges in edge_sets.values()}
    ids = {**node_sets, **{name: schema.node_sets[name].features[ID] for name in histories}}
    return GraphSchema(
        context={TIME: schema.context[TIME]},
        node_sets={READOUT: NodeSet({}), **{name: NodeSet({ID: feature}) for name, feature in ids.items()}},
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
