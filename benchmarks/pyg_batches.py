"""Our batches as plain arrays, for a peer that knows neither TensorFlow nor our schema."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import ID, READOUT, TIME, is_history

Arrays = dict[str, np.ndarray]
Labels = Mapping[str, tf.Tensor]


def write_batches(batches: Iterable[tuple[tfgnn.GraphTensor, Labels]], folder: Path) -> None:
    """Writes one .npz a batch, with look-ups and normalisation already done.

    `<node set>/numbers` float32 `[num_nodes, m]`, `<node set>/categories` int64 `[num_nodes, k]` (all features in one
    range), `<node set>/<feature>/values` and `/rows` of multi-valued ones; `edges/<source>/<name>/<target>` int64
    `[2, num_edges]`, neighbour above receiver; `roots/<node set>` int64 `[num_candidates]`; `labels` float32
    `[num_candidates, num_labels]`, NaN = missing; `sizes` of the ranges by node set.
    """
    folder.mkdir(parents=True)
    codes = _Codes()
    arrays = [_arrays(graph, labels, codes) for graph, labels in batches]
    for number, of_batch in enumerate(arrays):
        np.savez(folder / f"{number}.npz", **of_batch, **{f"sizes/{name}": size for name, size in codes.sizes.items()})


class _Codes:
    """Numbers the values of every feature, those of a node set in one range."""

    def __init__(self) -> None:
        self._known: dict[str, dict[tuple, int]] = {}

    @property
    def sizes(self) -> dict[str, int]:
        return {name: len(known) for name, known in self._known.items()}

    def of(self, node_set: str, feature: str, values: np.ndarray) -> np.ndarray:
        known = self._known.setdefault(node_set, {})
        distinct, positions = np.unique(values, return_inverse=True)
        codes = [known.setdefault((feature, value), len(known)) for value in distinct.tolist()]
        return np.array(codes, np.int64)[positions] if codes else np.empty(0, np.int64)


def _arrays(graph: tfgnn.GraphTensor, labels: Labels, codes: _Codes) -> Arrays:
    arrays: Arrays = {"labels": np.stack([values.numpy() for values in labels.values()], axis=1)}
    for name, nodes in graph.node_sets.items():
        if is_history(name):
            continue
        features = {key: value for key, value in nodes.get_features_dict().items() if key not in (ID, TIME)}
        arrays |= _features(name, features, int(nodes.total_size), codes)
    for name, edges in graph.edge_sets.items():
        source, target = edges.adjacency.source.numpy(), edges.adjacency.target.numpy()
        if not name.startswith(READOUT):
            key = f"edges/{edges.adjacency.source_name}/{name}/{edges.adjacency.target_name}"
            arrays[key] = np.stack([target, source]).astype(np.int64)
        elif len(source) == len(arrays["labels"]):
            arrays[f"roots/{edges.adjacency.source_name}"] = source[np.argsort(target)].astype(np.int64)
    return arrays


def _features(node_set: str, features: Mapping[str, tf.Tensor], size: int, codes: _Codes) -> Arrays:
    numbers, categories, arrays = [], [], {}
    for name, values in features.items():
        if isinstance(values, tf.RaggedTensor):
            arrays[f"{node_set}/{name}/values"] = codes.of(node_set, name, values.flat_values.numpy())
            arrays[f"{node_set}/{name}/rows"] = values.value_rowids().numpy().astype(np.int64)
        elif values.dtype == tf.float32:
            numbers.append(np.log1p(np.abs(np.nan_to_num(values.numpy()))))
        else:
            categories.append(codes.of(node_set, name, values.numpy()))
    arrays[f"{node_set}/numbers"] = _columns(numbers, size, np.float32)
    arrays[f"{node_set}/categories"] = _columns(categories, size, np.int64)
    return arrays


def _columns(columns: Sequence[np.ndarray], size: int, dtype: type) -> np.ndarray:
    return np.stack(columns, axis=1).astype(dtype) if columns else np.empty((size, 0), dtype)
