"""A model in training, ready to take steps on batches from its input pipeline or on batches in memory."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config import RunConfig
from tfgrec.model.joint_model import JointModel
from tfgrec.run.run_directory import RunDirectory
from tfgrec.training.compilation import compile_model
from tfgrec.training.replica_batches import flattened, replica_batches, unflattened
from tfgrec.training.run_model import RunModel
from tfgrec.training.step_functions import StepFunctions

Batch = tuple[tf.Tensor, ...]


class TrainingVariant:
    """One way to train a run's model, as the trainer does it.

    Args:
      config: the run's configuration, and what this variant changes in it.
      run: where graph and examples are.
    """

    def __init__(self, config: RunConfig, run: RunDirectory) -> None:
        self._run_model = RunModel(config, run)
        self._config = config.training
        self.model: JointModel = self._run_model.model
        steps_per_epoch = self._run_model.training_data.steps_per_epoch(self.batch_size)
        total_steps = self._config.epochs * steps_per_epoch
        compile_model(self.model, self._config, total_steps=total_steps, steps_per_epoch=steps_per_epoch)

    @property
    def batch_size(self) -> int:
        """Requests of a batch."""
        return self._config.batch_size

    def batches(self) -> Iterator[Batch]:
        """Batches from the input pipeline, epoch after epoch."""
        for epoch in itertools.count():
            yield from flattened(self._epoch(epoch))

    def unflattened(self, batch: Batch) -> tuple[tfgnn.GraphTensor, dict[str, tf.Tensor]]:
        """A batch as (graph, labels)."""
        return unflattened(batch, self._structure)[0]

    @cached_property
    def step(self) -> Callable[..., dict[str, tf.Tensor]]:
        """The training step on a batch."""
        return StepFunctions(self.model, self._run_model.replicas, self._structure).train_step

    @cached_property
    def represent(self) -> Callable[..., tf.Tensor]:
        """A part of a step: look-ups and encoder, forward."""
        return self._function(lambda graph, labels: _touched(self.model.represent(graph, training=True).differentiable))

    @cached_property
    def losses(self) -> Callable[..., tf.Tensor]:
        """A part of a step: all of the forward pass."""
        return self._function(self._objective)

    @cached_property
    def gradients(self) -> Callable[..., tf.Tensor]:
        """A part of a step: forward and backward, for the weighted sum of the losses."""

        def of_batch(graph: tf.Tensor, labels: dict[str, tf.Tensor]) -> tf.Tensor:
            with tf.GradientTape() as tape:
                objective = self._objective(graph, labels)
            found = tape.gradient(objective, self.model.trainable_variables)
            return _touched([gradient for gradient in found if gradient is not None])

        return self._function(of_batch)

    def rounds(self, function: Callable[..., object], batches: Sequence[Batch]) -> Callable[[], None]:
        """A round: `function` on each of `batches`."""

        def run() -> None:
            for batch in batches:
                function(*batch)

        return run

    def rounds_of_pipeline(self, num_steps: int) -> Callable[[], None]:
        """A round: that many steps on batches that come from the pipeline meanwhile."""
        batches = self.batches()

        def run() -> None:
            for batch in itertools.islice(batches, num_steps):
                self.step(*batch)

        return run

    def _objective(self, graph: tf.Tensor, labels: dict[str, tf.Tensor]) -> tf.Tensor:
        represented = self.model.represent(graph, training=True)
        losses, weights = self.model.loss_sums(graph, labels, represented), self.model.loss_weights()
        return tf.add_n([weights[name] * loss.mean() for name, loss in losses.items()])

    def _function(self, of_batch: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
        signature = tf.nest.flatten(self._structure, expand_composites=True)
        return tf.function(
            lambda *flat: of_batch(*unflattened(flat, self._structure)[0]), input_signature=signature, autograph=False
        )

    @cached_property
    def _structure(self) -> tuple:
        return self._epoch(0).element_spec

    def _epoch(self, epoch: int) -> tf.data.Dataset:
        return replica_batches(
            self._run_model.training_data,
            replicas=self._run_model.replicas,
            padding=self._run_model.padding,
            batch_size=self.batch_size,
            seed=self._config.seed,
            epoch=epoch,
            shuffle_buffer=self._config.shuffle_buffer,
        )


def _touched(tensors: Sequence[tf.Tensor | tf.IndexedSlices]) -> tf.Tensor:
    """Depends on all of them, so that none is pruned, at little cost."""
    values = [tensor.values if isinstance(tensor, tf.IndexedSlices) else tensor for tensor in tensors]
    return tf.stack([tf.reduce_sum(tf.reshape(value, [-1])[:1]) for value in values])
