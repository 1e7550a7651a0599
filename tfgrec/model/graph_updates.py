"""One round of message passing, by name of the model template in `tensorflow_gnn.models`."""

from collections.abc import Collection

import tensorflow as tf
import tensorflow_gnn as tfgnn
from tensorflow_gnn.models import gat_v2, graph_sage, hgt, mt_albis, vanilla_mpnn

from tfgrec.config.model import EncoderConfig

EDGE_INPUT = "edge_input"
"""The edge feature that messages read, `[num_edges, width]`; of width 0 where an edge set has no input."""

# An edge's source is the node that sampled it, so messages run from target to source.
RECEIVER = tfgnn.SOURCE


def graph_update(config: EncoderConfig, *, node_sets: Collection[str]) -> tf.keras.layers.Layer:
    """A GraphUpdate that replaces the `tfgnn.HIDDEN_STATE` of nodes.

    `mt_albis`, `mpnn` and `gat_v2` put EDGE_INPUT into messages; `graph_sage` and `hgt` have no place for it.
    `edge_dropout` is for `mt_albis` and `gat_v2`; `message_units` for all but `hgt`.

    Args:
      config: Which update, and its sizes.
      node_sets: The receiving node sets to update (`hgt` always updates all of them).

    Returns:
      A layer from scalar GraphTensor to scalar GraphTensor. Edge sets and node sets may be empty at run time.
    """
    return _UPDATES[config.update](config, sorted(node_sets))


def _mt_albis(config: EncoderConfig, node_sets: list[str]) -> tf.keras.layers.Layer:
    return mt_albis.MtAlbisGraphUpdate(
        units=config.units,
        message_dim=config.message_units,
        receiver_tag=RECEIVER,
        node_set_names=node_sets,
        edge_feature_name=EDGE_INPUT,
        state_dropout_rate=config.dropout,
        edge_dropout_rate=config.edge_dropout,
        next_state_type="residual",
    )


def _mpnn(config: EncoderConfig, node_sets: list[str]) -> tf.keras.layers.Layer:
    return vanilla_mpnn.VanillaMPNNGraphUpdate(
        units=config.units,
        message_dim=config.message_units,
        receiver_tag=RECEIVER,
        node_set_names=node_sets,
        edge_feature=EDGE_INPUT,
        dropout_rate=config.dropout,
        use_layer_normalization=True,
    )


def _gat_v2(config: EncoderConfig, node_sets: list[str]) -> tf.keras.layers.Layer:
    return gat_v2.GATv2MPNNGraphUpdate(
        units=config.units,
        message_dim=config.message_units,
        num_heads=config.attention_heads,
        receiver_tag=RECEIVER,
        node_set_names=node_sets,
        edge_feature=EDGE_INPUT,
        state_dropout_rate=config.dropout,
        edge_dropout_rate=config.edge_dropout,
    )


def _graph_sage(config: EncoderConfig, node_sets: list[str]) -> tf.keras.layers.Layer:
    return graph_sage.GraphSAGEGraphUpdate(
        units=config.units,
        hidden_units=config.message_units,
        receiver_tag=RECEIVER,
        node_set_names=node_sets,
        dropout_rate=config.dropout,
    )


def _hgt(config: EncoderConfig, node_sets: list[str]) -> tf.keras.layers.Layer:
    del node_sets  # It has no such choice.
    return hgt.HGTGraphUpdate(
        num_heads=config.attention_heads,
        per_head_channels=config.units // config.attention_heads,
        receiver_tag=RECEIVER,
        dropout_rate=config.dropout,
        kernel_initializer="glorot_uniform",
    )


_UPDATES = {"mt_albis": _mt_albis, "mpnn": _mpnn, "gat_v2": _gat_v2, "graph_sage": _graph_sage, "hgt": _hgt}
