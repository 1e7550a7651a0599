"""A batch between the encoders and the heads."""

from typing import NamedTuple

import tensorflow as tf

from tfgrec.model.pretraining.held_out_edges import HeldOutEdges


class Represented(NamedTuple):
    """A batch as the heads see it.

    Attributes:
      states: The encoder's states that ranking reads, `{node_set: [num_nodes, units]}`.
      masked_states: Those that the auto-encoder reads: the same, or those of a second pass in which nodes are hidden.
      masks: The nodes hidden, `{node_set: bool [num_nodes]}`; none outside the auto-encoder's training.
      fields: The ranker's fields, `{field: [num_candidates, width]}`, and with static vectors the graph's.
      held_out: The edges that link prediction has held out of the states; None outside its training.
    """

    states: dict[str, tf.Tensor]
    masked_states: dict[str, tf.Tensor]
    masks: dict[str, tf.Tensor]
    fields: dict[str, tf.Tensor]
    held_out: HeldOutEdges | None = None

    @property
    def differentiable(self) -> list[tf.Tensor]:
        """All that losses depend on and that depends on variables."""
        tensors = [*self.states.values(), *self.masked_states.values(), *self.fields.values()]
        # Each once: what is listed twice would count twice in a gradient.
        return list({id(tensor): tensor for tensor in tensors}.values())
