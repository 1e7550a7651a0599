"""One round of message passing, by name of the model template in `tensorflow_gnn.models`."""

from collections.abc import Collection, Mapping
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn
from tensorflow_gnn.models import gat_v2, graph_sage, hgt, mt_albis, vanilla_mpnn

from tfgrec.config.model import EncoderConfig
from tfgrec.data.padded_batches import REAL_NODES
from tfgrec.model.encoder.byte_dropout import ByteDropout
from tfgrec.model.encoder.state_normalization import state_normalization
from tfgrec.model.padding_mask import real_nodes

EDGE_INPUT = "edge_input"
"""The edge feature that messages read, `[num_edges, width]`; of width 0 where an edge set has no input."""

# An edge's source is the node that sampled it, so messages run from target to source.
RECEIVER = tfgnn.SOURCE


def with_states(graph: tfgnn.GraphTensor, states: Mapping[str, tf.Tensor]) -> tfgnn.GraphTensor:
    """The graph with `tfgnn.HIDDEN_STATE` of some node sets; of their other features it keeps which nodes are real."""
    node_sets = {}
    for name, state in states.items():
        features = graph.node_sets[name].features
        kept = {REAL_NODES: features[REAL_NODES]} if REAL_NODES in features else {}
        node_sets[name] = {tfgnn.HIDDEN_STATE: state, **kept}
    return graph.replace_features(node_sets=node_sets)


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class NodeUpdate(tf.keras.layers.Layer):
    """New states of some node sets: normalise(dropout(template(graph)) + old states).

    Dropout, residual link and normalisation are added here, so that they mean the same for every template; what
    templates bring of them is switched off, but for `hgt`, whose own link with a learned weight can't be.

    `mt_albis`, `mpnn` and `gat_v2` put EDGE_INPUT into messages; `graph_sage` and `hgt` have no place for it.

    Args:
      config: Which template, and its sizes.
      node_sets: The receiving node sets to update; each is the source of an edge set.

    Call: scalar GraphTensor with `tfgnn.HIDDEN_STATE [num_nodes, units]` on nodes and EDGE_INPUT on edges, training ->
    the same with new states. Edge sets and node sets may be empty at run time.
    """

    def __init__(self, *, config: EncoderConfig | dict[str, Any], node_sets: Collection[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._config = EncoderConfig.model_validate(config)
        self._node_sets = sorted(node_sets)
        self._template = _TEMPLATES[self._config.update](self._config, self._node_sets)
        self._dropout = ByteDropout(rate=self._config.dropout, name="dropout")
        self._residual = self._config.residual and self._config.update != "hgt"
        self._normalizations = {
            name: state_normalization(self._config.normalization, name=f"{name}_normalization")
            for name in self._node_sets
        }

    @property
    def node_sets(self) -> list[str]:
        """The node sets that are updated."""
        return self._node_sets

    def call(self, graph: tfgnn.GraphTensor, training: bool = False) -> tfgnn.GraphTensor:
        """Updates."""
        updated = self._template(graph, training=training)
        states = {}
        for name, normalization in self._normalizations.items():
            state = self._dropout(updated.node_sets[name][tfgnn.HIDDEN_STATE], training=training)
            if self._residual:
                state = state + graph.node_sets[name][tfgnn.HIDDEN_STATE]
            # Padding would count in the mean of a batch.
            real = real_nodes(graph, name) if self._config.normalization == "batch" else None
            states[name] = normalization(state, real=real, training=training)
        return with_states(graph, states)

    def get_config(self) -> dict[str, Any]:
        """Configuration and node sets."""
        return {"config": self._config.model_dump(), "node_sets": self._node_sets, **super().get_config()}


class _NodeSetHGT(hgt.HGTGraphUpdate):
    """HGT for some of the receiving node sets. Creates its variables in the same order in every process.

    As it comes it updates all that receive, and walks through sets of names while it makes variables: their order,
    and with it their initial values and the optimizer's slots, would change from process to process.
    """

    def __init__(self, *, node_sets: Collection[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._updated = list(node_sets)

    def call(self, graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
        edge_sets = {
            name: edges
            for name, edges in graph.edge_sets.items()
            if edges.adjacency.node_set_name(RECEIVER) in self._updated and not tfgnn.get_aux_type_prefix(name)
        }
        node_sets = {name: nodes for name, nodes in graph.node_sets.items() if not tfgnn.get_aux_type_prefix(name)}
        return super().call(tfgnn.GraphTensor.from_pieces(graph.context, node_sets, edge_sets))

    def _do_init_nontrackables(self, spec: tfgnn.GraphTensorSpec) -> None:
        super()._do_init_nontrackables(spec)
        self._receivers, self._senders = sorted(self._receivers), sorted(self._senders)


def _mt_albis(config: EncoderConfig, node_sets: list[str]) -> tf.keras.layers.Layer:
    return mt_albis.MtAlbisGraphUpdate(
        units=config.units,
        message_dim=config.message_width,
        receiver_tag=RECEIVER,
        node_set_names=node_sets,
        edge_feature_name=EDGE_INPUT,
        edge_dropout_rate=config.edge_dropout,
        normalization_type="none",
        next_state_type="dense",
    )


def _mpnn(config: EncoderConfig, node_sets: list[str]) -> tf.keras.layers.Layer:
    return vanilla_mpnn.VanillaMPNNGraphUpdate(
        units=config.units,
        message_dim=config.message_width,
        receiver_tag=RECEIVER,
        node_set_names=node_sets,
        edge_feature=EDGE_INPUT,
    )


def _gat_v2(config: EncoderConfig, node_sets: list[str]) -> tf.keras.layers.Layer:
    return gat_v2.GATv2MPNNGraphUpdate(
        units=config.units,
        message_dim=config.message_width,
        num_heads=config.num_heads,
        receiver_tag=RECEIVER,
        node_set_names=node_sets,
        edge_feature=EDGE_INPUT,
        edge_dropout_rate=config.edge_dropout,
    )


def _graph_sage(config: EncoderConfig, node_sets: list[str]) -> tf.keras.layers.Layer:
    return graph_sage.GraphSAGEGraphUpdate(
        units=config.units,
        use_pooling=config.message_units is not None,
        hidden_units=config.message_units,
        receiver_tag=RECEIVER,
        node_set_names=node_sets,
        l2_normalize=False,
    )


def _hgt(config: EncoderConfig, node_sets: list[str]) -> tf.keras.layers.Layer:
    return _NodeSetHGT(
        node_sets=node_sets,
        num_heads=config.num_heads,
        per_head_channels=config.units // config.num_heads,
        receiver_tag=RECEIVER,
        dropout_rate=0.0,
        use_layer_norm=False,
        kernel_initializer="glorot_uniform",
    )


_TEMPLATES = {"mt_albis": _mt_albis, "mpnn": _mpnn, "gat_v2": _gat_v2, "graph_sage": _graph_sage, "hgt": _hgt}
