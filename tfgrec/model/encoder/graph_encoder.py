"""The graph encoder: from raw features to the states of nodes in their neighbourhoods."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.model import EncoderConfig
from tfgrec.model.encoder.edge_inputs import EdgeInputs, EdgeInputSpec
from tfgrec.model.encoder.graph_updates import EDGE_INPUT, NodeUpdate, with_states
from tfgrec.model.encoder.masking import MaskStates
from tfgrec.model.encoder.node_states import InitialNodeStates
from tfgrec.model.features.feature_specs import FeatureSpec


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class GraphEncoder(tf.keras.layers.Layer):
    """Initial states, then `rounds` of GraphUpdates.

    Args:
      specs: Feature specs of every stored node set, `{node_set: {feature: spec}}`.
      edge_inputs: Inputs of every stored edge set.
      receivers: Node sets that some edge set leaves (they receive messages).
      masked: Node sets whose nodes the auto-encoder may hide.
      outputs: Node sets whose states are read in serving.
      training_outputs: Node sets whose states are read in training alone; an export does not hold their last update.
      config: Kind, number and sizes of the updates.

    Call: scalar GraphTensor, masks `{node_set: bool [num_nodes]}` or None, training -> `{node_set: [num_nodes, units]}`
    of all node sets. Those that the last round does not update are as they were before it.

    Examples:
      >>> import tensorflow as tf, tensorflow_gnn as tfgnn, tfgrec
      >>> seen = tfgnn.Adjacency.from_indices(("user", tf.constant([0, 1])), ("item", tf.constant([2, 0])))
      >>> prices = {"price": tf.constant([3.0, 1.0, 2.0])}
      >>> graph = tfgnn.GraphTensor.from_pieces(
      ...     node_sets={
      ...         "user": tfgnn.NodeSet.from_fields(sizes=tf.constant([2]), features={}),
      ...         "item": tfgnn.NodeSet.from_fields(sizes=tf.constant([3]), features=prices),
      ...     },
      ...     edge_sets={"seen": tfgnn.EdgeSet.from_fields(sizes=tf.constant([2]), adjacency=seen)},
      ... )
      >>> encoder = tfgrec.GraphEncoder(
      ...     specs={"user": {}, "item": {"price": {"kind": "numeric", "transforms": ["log"]}}},
      ...     edge_inputs={"seen": {"timed": False}},
      ...     receivers=["user"],
      ...     masked=[],
      ...     outputs=["user"],
      ...     config={"rounds": 1, "units": 8},
      ... )
      >>> {name: states.shape.as_list() for name, states in encoder(graph).items()}
      {'user': [2, 8], 'item': [3, 8]}
    """

    def __init__(
        self,
        *,
        specs: Mapping[str, Mapping[str, FeatureSpec | dict[str, Any]]],
        edge_inputs: Mapping[str, EdgeInputSpec | dict[str, Any]],
        receivers: Sequence[str],
        masked: Sequence[str],
        outputs: Sequence[str],
        training_outputs: Sequence[str] = (),
        config: EncoderConfig | dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._config = EncoderConfig.model_validate(config)
        self._receivers, self._masked = list(receivers), list(masked)
        self._outputs, self._training_outputs = list(outputs), list(training_outputs)
        self._initial_states = InitialNodeStates(specs=specs, units=self._config.units, name="initial_states")
        self._edge_inputs = EdgeInputs(specs=edge_inputs, name="edge_inputs")
        self._mask_states = MaskStates(node_sets=self._masked, units=self._config.units, name="mask_states")
        everywhere = [
            self._update(self._receivers, name=f"round_{number}") for number in range(self._config.rounds - 1)
        ]
        self._updates = [*everywhere, self._update(self._outputs, name="last_round")]
        in_training = set(self._training_outputs) - set(self._outputs)
        self._training_update = self._update(in_training, name="last_round_in_training")

    @property
    def id_tables(self) -> list[tf.Variable]:
        """Embedding tables of ids."""
        return self._initial_states.id_tables

    def call(
        self, graph: tfgnn.GraphTensor, masks: Mapping[str, tf.Tensor] | None = None, training: bool = False
    ) -> dict[str, tf.Tensor]:
        """Encodes."""
        return self.propagate(self.inputs(graph, training=training), masks, training=training)

    def inputs(self, graph: tfgnn.GraphTensor, training: bool = False) -> tfgnn.GraphTensor:
        """The graph with encoded features alone: initial states of its nodes and the inputs of its edges."""
        edge_inputs = {name: {EDGE_INPUT: values} for name, values in self._edge_inputs(graph).items()}
        graph = with_states(graph, self._initial_states(graph, training=training))
        return graph.replace_features(edge_sets=edge_inputs)

    def propagate(
        self, inputs: tfgnn.GraphTensor, masks: Mapping[str, tf.Tensor] | None = None, training: bool = False
    ) -> dict[str, tf.Tensor]:
        """All states after message passing, with the masked nodes' own inputs hidden."""
        graph = inputs
        if masks:
            hidden = self._mask_states(_states(graph, self._masked), masks)
            graph = with_states(graph, hidden)
        for update in self._updates[:-1]:
            graph = graph if update is None else update(graph, training=training)
        states = _states(graph, self._initial_states.node_sets)
        for update in (self._updates[-1], self._training_update if training else None):
            if update is not None:
                states |= _states(update(graph, training=training), update.node_sets)
        return states

    def get_config(self) -> dict[str, Any]:
        """All constructor arguments as plain values."""
        return {
            "specs": self._initial_states.get_config()["specs"],
            "edge_inputs": self._edge_inputs.get_config()["specs"],
            "receivers": self._receivers,
            "masked": self._masked,
            "outputs": self._outputs,
            "training_outputs": self._training_outputs,
            "config": self._config.model_dump(),
            **super().get_config(),
        }

    def _update(self, node_sets: Collection[str], *, name: str) -> NodeUpdate | None:
        receiving = [node_set for node_set in self._receivers if node_set in node_sets]
        return NodeUpdate(config=self._config, node_sets=receiving, name=name) if receiving else None


def _states(graph: tfgnn.GraphTensor, node_sets: Collection[str]) -> dict[str, tf.Tensor]:
    return {name: graph.node_sets[name][tfgnn.HIDDEN_STATE] for name in node_sets}
