"""Parts of the model compiled by XLA, which takes numbers alone and compiles anew for every shape."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.data.padded_batches import REAL_NODES
from tfgrec.model.encoder.graph_updates import EDGE_INPUT

_ROWS = "#rows"


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of tensors compiled by XLA, together with its gradients; sizes may depend on shapes alone."""
    return tf.function(function, jit_compile=True, autograph=False)


def compiled_on_graph(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function(graph, ...)` compiled by XLA, for functions that read of the graph no more than states and edges.

    XLA has no strings, look-up tables or ragged features, so of the graph's features only `tfgnn.HIDDEN_STATE`, the
    edges' input and which nodes are real reach the function. Sizes that depend on values would be compiled anew for
    each value, so the function sees a graph of one component, whose sizes are the shapes of its tensors. Gradients are
    compiled as well.
    """

    def on_numbers(graph: tfgnn.GraphTensor, *arguments: Any, **options: Any) -> Any:
        return function(_with_sizes_of_shapes(graph), *arguments, **options)

    of_numbers = compiled(on_numbers)
    return lambda graph, *arguments, **options: of_numbers(_only_numbers(graph), *arguments, **options)


def _only_numbers(graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
    def kept(piece: tfgnn.NodeSet | tfgnn.EdgeSet, *names: str) -> dict[str, tf.Tensor]:
        return {name: piece[name] for name in names if name in piece.features}

    rows = {name: {_ROWS: tf.zeros([nodes.total_size], tf.bool)} for name, nodes in graph.node_sets.items()}
    return graph.replace_features(
        context={},
        node_sets={
            name: rows[name] | kept(nodes, tfgnn.HIDDEN_STATE, REAL_NODES) for name, nodes in graph.node_sets.items()
        },
        edge_sets={name: kept(edges, EDGE_INPUT) for name, edges in graph.edge_sets.items()},
    )


def _with_sizes_of_shapes(graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
    def size(of: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
        return tf.shape(of, out_type=like.dtype)[:1]

    node_sets = {
        name: tfgnn.NodeSet.from_fields(features=nodes.get_features_dict(), sizes=size(nodes[_ROWS], nodes.sizes))
        for name, nodes in graph.node_sets.items()
    }
    edge_sets = {
        name: tfgnn.EdgeSet.from_fields(
            features=edges.get_features_dict(),
            sizes=size(edges.adjacency[tfgnn.SOURCE], edges.sizes),
            adjacency=edges.adjacency,
        )
        for name, edges in graph.edge_sets.items()
    }
    return tfgnn.GraphTensor.from_pieces(node_sets=node_sets, edge_sets=edge_sets)
