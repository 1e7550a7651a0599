"""Gradients of one step, whose losses all read one represented batch."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from tfgrec.model.loss_sum import LossSum
from tfgrec.model.replicas import sum_over_replicas
from tfgrec.model.represented import Represented

Gradient = tf.Tensor | tf.IndexedSlices


class StepGradients:
    """Runs a step's forward pass on two tapes that meet at the represented batch, and differentiates its losses.

    So the gradients of single losses, which end at kernels behind the represented batch, don't run through the encoder
    once for each loss. Under a distribution strategy each replica runs this on its part of the batch; what it returns
    is of the whole batch, and equal on all replicas.

    Args:
      represent: Makes the represented batch.
      losses: Makes `{loss name: LossSum}` of it.
    """

    def __init__(
        self, *, represent: Callable[[], Represented], losses: Callable[[Represented], Mapping[str, LossSum]]
    ) -> None:
        with tf.GradientTape() as self._input_tape:
            represented = represent()
        self._boundary = represented.differentiable
        with tf.GradientTape(persistent=True) as self._loss_tape:
            self._loss_tape.watch(self._boundary)
            sums = losses(represented)
        self._totals = [of_loss.total for of_loss in sums.values()]
        local = tf.stack([self._totals, [of_loss.count for of_loss in sums.values()]])
        self._global_totals, self._counts = tf.unstack(sum_over_replicas(local))

    @property
    def present(self) -> tf.Tensor:
        """Whether each loss has any term in the batch, `[num_losses]`."""
        return self._counts > 0

    @property
    def losses(self) -> tf.Tensor:
        """The mean of each loss over its terms, `[num_losses]`; 0 where it has none."""
        return tf.math.divide_no_nan(self._global_totals, self._counts)

    def of_weighted_sum(
        self, weights: tf.Tensor, *, inputs: Sequence[tf.Variable], heads: Sequence[tf.Variable]
    ) -> list[Gradient | None]:
        """Gradients of sum_i weights_i losses_i: for variables before the represented batch, then for those behind it.

        None for a variable that no loss depends on.
        """
        of_boundary, of_heads = self._loss_tape.gradient(
            self._totals, (self._boundary, list(heads)), output_gradients=self._shares(weights)
        )
        reached = [pair for pair in zip(self._boundary, of_boundary, strict=True) if pair[1] is not None]
        tensors, incoming = zip(*reached, strict=True)
        of_inputs = self._input_tape.gradient(tensors, list(inputs), output_gradients=incoming)
        gradients = [*of_inputs, *of_heads]
        summed = iter(sum_over_replicas([gradient for gradient in gradients if gradient is not None]))
        return [None if gradient is None else next(summed) for gradient in gradients]

    def norms(
        self, kernels: Sequence[tf.Variable], *, due: tf.Tensor | bool = True, scale: tf.Tensor | float = 1.0
    ) -> tf.Tensor:
        """||grad_kernels L_i|| of each loss, `[num_losses]`; all kernels count as one vector.

        Args:
          kernels: Variables behind the represented batch, not all of which need depend on each loss.
          due: Where it is false, nothing is computed, and norms are zero.
          scale: Each loss times this is differentiated and the norm divided by it, so that float16 does not underflow.
        """
        shape = [len(self._totals), sum(kernel.shape.num_elements() for kernel in kernels)]
        if due is False:
            return tf.zeros(shape[:1])
        if due is True:
            flat = self._flat_gradients(kernels, scale)
        else:
            flat = tf.cond(due, lambda: self._flat_gradients(kernels, scale), lambda: tf.zeros(shape))
        return tf.norm(sum_over_replicas(flat), axis=1) / scale

    def _flat_gradients(self, kernels: Sequence[tf.Variable], scale: tf.Tensor | float) -> tf.Tensor:
        """This replica's part, `[num_losses, num_elements]`."""
        gradients = [
            self._loss_tape.gradient(
                total, list(kernels), output_gradients=share, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
            for total, share in zip(self._totals, self._shares(scale), strict=True)
        ]
        return tf.stack([tf.concat([tf.reshape(part, [-1]) for part in of_loss], axis=0) for of_loss in gradients])

    def _shares(self, weights: tf.Tensor | float) -> list[tf.Tensor]:
        """What a replica's sums are multiplied by, so that those of all replicas add up to weights times means."""
        return tf.unstack(tf.math.divide_no_nan(weights * tf.ones_like(self._counts), self._counts))
