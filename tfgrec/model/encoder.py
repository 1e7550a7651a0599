"""The graph encoder: from raw features to the states of nodes in their neighbourhoods."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.model import EncoderConfig
from tfgrec.model.edge_inputs import EdgeInputs, EdgeInputSpec
from tfgrec.model.feature_specs import FeatureSpec
from tfgrec.model.graph_updates import EDGE_INPUT, graph_update
from tfgrec.model.masking import MaskStates
from tfgrec.model.node_states import InitialNodeStates


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class GraphEncoder(tf.keras.layers.Layer):
    """Initial states, then `rounds` of GraphUpdates.

    Args:
      specs: Feature specs of every stored node set, `{node_set: {feature: spec}}`.
      edge_inputs: Inputs of every stored edge set.
      receivers: Node sets that some edge set leaves (they receive messages).
      masked: Node sets whose nodes the auto-encoder may hide.
      outputs: Node sets whose states are read.
      config: Kind, number and sizes of the updates.

    Call: scalar GraphTensor, masks `{node_set: bool [num_nodes]}` or None, training -> `{node_set: [num_nodes, units]}`
    of the node sets in `outputs`.
    """

    def __init__(
        self,
        *,
        specs: Mapping[str, Mapping[str, FeatureSpec | dict[str, Any]]],
        edge_inputs: Mapping[str, EdgeInputSpec | dict[str, Any]],
        receivers: Sequence[str],
        masked: Sequence[str],
        outputs: Sequence[str],
        config: EncoderConfig | dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._config = EncoderConfig.model_validate(config)
        self._receivers, self._masked, self._outputs = list(receivers), list(masked), list(outputs)
        self._initial_states = InitialNodeStates(specs=specs, units=self._config.units, name="initial_states")
        self._edge_inputs = EdgeInputs(specs=edge_inputs, name="edge_inputs")
        self._mask_states = MaskStates(node_sets=self._masked, units=self._config.units, name="mask_states")
        self._updates = [graph_update(self._config, node_sets=receivers) for receivers in self._receivers_by_round()]

    @property
    def id_tables(self) -> list[tf.Variable]:
        """Embedding tables of ids."""
        return self._initial_states.id_tables

    def call(
        self, graph: tfgnn.GraphTensor, masks: Mapping[str, tf.Tensor] | None = None, training: bool = False
    ) -> dict[str, tf.Tensor]:
        """Encodes."""
        states = self._initial_states(graph, training=training)
        if masks:
            states = self._mask_states(states, masks)
        graph = graph.replace_features(
            node_sets={name: {tfgnn.HIDDEN_STATE: state} for name, state in states.items()},
            edge_sets={name: {EDGE_INPUT: values} for name, values in self._edge_inputs(graph).items()},
        )
        for update in self._updates:
            graph = update(graph, training=training)
        return {name: graph.node_sets[name][tfgnn.HIDDEN_STATE] for name in self._outputs}

    def get_config(self) -> dict[str, Any]:
        """All constructor arguments as plain values."""
        return {
            "specs": self._initial_states.get_config()["specs"],
            "edge_inputs": self._edge_inputs.get_config()["specs"],
            "receivers": self._receivers,
            "masked": self._masked,
            "outputs": self._outputs,
            "config": self._config.model_dump(),
            **super().get_config(),
        }

    def _receivers_by_round(self) -> list[list[str]]:
        """All receivers in every round but the last, which need only update what is read."""
        last = [name for name in self._receivers if name in self._outputs]
        rounds = [self._receivers] * (self._config.rounds - 1) + [last]
        return [receivers for receivers in rounds if receivers]
