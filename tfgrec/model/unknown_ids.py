"""Ids that say nothing: those of users and items without events, and in training a share of the others."""

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.data.cold_nodes import cold_nodes, roots
from tfgrec.graph.sampling.events_of_roots import RootEvents
from tfgrec.graph.schema import ID
from tfgrec.model.features.absent import absent_value
from tfgrec.model.step.step_random import uniform


class UnknownIds:
    """Takes the ids off nodes, so that all that looks an id up finds what belongs to unknown ones.

    A request's user, or a candidate's item, without any event before the request is to the model an unknown one,
    whether the graph has it or not. In training so is the share `hidden` of the others, that the model learns to do
    without an id; their edges and counts stay.

    Args:
      events: what shows that a node had events, see `events_of_roots`.
      hidden: share of users and of items whose ids are hidden in training.

    Call: scalar GraphTensor, training -> GraphTensor.
    """

    def __init__(self, *, events: Mapping[str, RootEvents], hidden: float) -> None:
        self._events, self._hidden = dict(events), hidden

    def __call__(self, graph: tfgnn.GraphTensor, training: bool = False) -> tfgnn.GraphTensor:
        """Takes ids off."""
        cold = cold_nodes(graph, self._events)
        unknown: dict[str, tf.Tensor] = {}
        for readout, of in self._events.items():
            asked = roots(graph, readout)
            taken = cold.get(readout, tf.zeros_like(asked))
            if training:
                taken |= asked & (uniform(tf.shape(asked)) < self._hidden)
            unknown[of.node_set] = unknown[of.node_set] | taken if of.node_set in unknown else taken
        features = {}
        for node_set, taken in unknown.items():
            of_nodes = graph.node_sets[node_set].get_features_dict()
            ids = of_nodes[ID]
            features[node_set] = {**of_nodes, ID: tf.where(taken, absent_value(ids.dtype), ids)}
        return graph.replace_features(node_sets=features)
