"""The update of a step: all gradients clipped together, then applied by one optimizer or by two."""

from collections.abc import Sequence

import tensorflow as tf

from tfgrec.model.step.step_gradients import Gradient

Optimizer = tf.keras.optimizers.Optimizer
Pair = tuple[Gradient, tf.Variable]
LossScaleOptimizer = tf.keras.mixed_precision.LossScaleOptimizer

# Clips nothing, but makes all gradients NaN where one is not finite.
_LARGEST_NORM = 1e30


class ClippedUpdate:
    """Applies gradients of the whole batch: those of id tables by an optimizer of their own, if there is one.

    With float16 both optimizers are LossScaleOptimizers. Both see the same steps as not finite, since one gradient
    that is makes all gradients NaN; so both skip them, and their scales stay equal.

    Args:
      optimizer: For all variables but the tables.
      table_optimizer: For the tables; None where `optimizer` trains them too.
      tables: Embedding tables of ids.
      clip_norm: Bounds the global norm of all gradients together, where rows of a table that occur several times in a
        batch count one by one. None not to clip.

    Raises:
      ValueError: One of the optimizers scales the loss and the other does not.
    """

    def __init__(
        self,
        *,
        optimizer: Optimizer,
        table_optimizer: Optimizer | None = None,
        tables: Sequence[tf.Variable] = (),
        clip_norm: float | None = None,
    ) -> None:
        self._optimizer, self._table_optimizer, self._clip_norm = optimizer, table_optimizer, clip_norm
        self._tables = set() if table_optimizer is None else {table.ref() for table in tables}
        self._optimizers = [one for one in (optimizer, table_optimizer) if one is not None]
        scaling = {isinstance(one, LossScaleOptimizer) for one in self._optimizers}
        if len(scaling) > 1:
            raise ValueError(f"both optimizers or none must be a LossScaleOptimizer. Received: {self._optimizers}")
        self.scales_loss = scaling == {True}

    def build(self, variables: Sequence[tf.Variable]) -> None:
        """Creates the optimizers' state for these variables."""
        pairs = [(None, variable) for variable in variables]
        for optimizer, of_optimizer in self._by_optimizer(pairs):
            optimizer.build([variable for _, variable in of_optimizer])

    def loss_scale(self) -> tf.Tensor | float:
        """What losses have to be multiplied by before they are differentiated."""
        if not self.scales_loss:
            return 1.0
        # Both are asked, since one that is not warns in every step; their scales are equal.
        return [optimizer.get_scaled_loss(tf.constant(1.0)) for optimizer in self._optimizers][0]

    def apply(
        self,
        gradients: Sequence[Gradient | None],
        variables: Sequence[tf.Variable],
        *,
        unscaled: Sequence[tuple[tf.Tensor, tf.Variable]] = (),
    ) -> tf.Tensor:
        """Updates the variables that have a gradient.

        Args:
          gradients: Of the scaled loss, equal on all replicas.
          variables: Beside them.
          unscaled: More gradients with their variables, which are neither scaled nor clipped.

        Returns:
          Whether all gradients are finite. Where they are not, a scaling optimizer has skipped the step.
        """
        scaled = [pair for pair in zip(gradients, variables, strict=True) if pair[0] is not None]
        pairs = [
            pair
            for optimizer, of_optimizer in self._by_optimizer(scaled)
            for pair in _unscaled(optimizer, of_optimizer)
        ]
        values = [gradient for gradient, _ in pairs]
        norm = tf.linalg.global_norm(values)
        if self._clip_norm is not None or self.scales_loss:
            values, _ = tf.clip_by_global_norm(values, self._clip_norm or _LARGEST_NORM, use_norm=norm)
        pairs = [(value, variable) for value, (_, variable) in zip(values, pairs, strict=True)]
        for optimizer, of_optimizer in self._by_optimizer([*pairs, *unscaled]):
            optimizer.apply_gradients(of_optimizer, skip_gradients_aggregation=True)
        return tf.math.is_finite(norm)

    def _by_optimizer(self, pairs: Sequence[Pair]) -> list[tuple[Optimizer, list[Pair]]]:
        """(Gradient, variable) pairs of each optimizer that has any."""
        tables = [pair for pair in pairs if pair[1].ref() in self._tables]
        others = [pair for pair in pairs if pair[1].ref() not in self._tables]
        both = [(self._optimizer, others), (self._table_optimizer, tables)]
        return [(optimizer, of_optimizer) for optimizer, of_optimizer in both if of_optimizer]


def _unscaled(optimizer: Optimizer, pairs: Sequence[Pair]) -> list[Pair]:
    if not isinstance(optimizer, LossScaleOptimizer):
        return list(pairs)
    gradients = optimizer.get_unscaled_gradients([gradient for gradient, _ in pairs])
    return [(gradient, variable) for gradient, (_, variable) in zip(gradients, pairs, strict=True)]
