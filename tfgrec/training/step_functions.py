"""What is computed on a batch, compiled once for batches of all sizes."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.model.coupling import coupling, misalignment
from tfgrec.model.joint_model import AUTO_ENCODER
from tfgrec.model.representation_diagnostics import representation_diagnostics
from tfgrec.model.step.step_random import numbers_of_step
from tfgrec.training.replica_batches import Structure, unflattened
from tfgrec.training.replicas import Replicas

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel

Labels = Mapping[str, tf.Tensor]


class StepFunctions:
    """The training step and the diagnostics of a model in its present phase, each on a batch of `flattened` parts.

    Which variables train, and which losses there are, is decided when these are traced: each phase needs its own.
    """

    def __init__(
        self, model: "JointModel", replicas: Replicas, structure: Structure, *, seed: int = 0, phase: str = ""
    ):
        """`structure` is the element_spec of `replica_batches`; `seed` and the phase's name decide what steps draw."""
        coupled = _diagnostics_of(model)
        ranks = model.phase == "ranking"
        signature = tf.nest.flatten(structure, expand_composites=True)

        def train_step(*flat: tf.Tensor) -> dict[str, tf.Tensor]:
            parts = unflattened(flat, structure)
            return replicas.run(step_of_replica, parts)

        def step_of_replica(graph: tfgnn.GraphTensor, labels: Labels) -> dict[str, tf.Tensor]:
            with numbers_of_step(seed, phase, model.optimizer.iterations):
                return model.train_step((graph, labels))

        def diagnose(*flat: tf.Tensor) -> dict[str, tf.Tensor]:
            parts = unflattened(flat, structure)
            return replicas.run(lambda graph, labels: _diagnosed(model, coupled, graph, labels), parts)

        self._train_step = tf.function(train_step, input_signature=signature, autograph=False)
        self._diagnose = tf.function(diagnose, input_signature=signature, autograph=False) if ranks else None

    @property
    def is_compiled(self) -> bool:
        """Whether the training step has been asked for."""
        return "train_step" in self.__dict__

    @cached_property
    def train_step(self) -> Callable[..., dict[str, tf.Tensor]]:
        """The training step, traced when it is first asked for."""
        # A trace takes its hundred tensors in a third of the time that the function takes to choose one.
        return self._train_step.get_concrete_function()

    def diagnose(self, *flat: tf.Tensor) -> dict[str, float]:
        """What `representation_diagnostics` tells of a batch, and `coupling/<name>` where ranking and the auto-encoder
        share an encoder; nothing in pre-training."""
        if self._diagnose is None:
            return {}
        return {name: float(value) for name, value in self._diagnose(*flat).items()}


def _diagnosed(
    model: "JointModel", coupled: Callable | None, graph: tfgnn.GraphTensor, labels: Labels
) -> dict[str, tf.Tensor]:
    found = {} if coupled is None else coupled(model, graph, labels)
    coupling_report = {f"coupling/{name}": value for name, value in found.items()}
    return {**coupling_report, **representation_diagnostics(model, graph)}


def _diagnostics_of(model: "JointModel") -> Callable[["JointModel", tfgnn.GraphTensor, Labels], dict] | None:
    # With static vectors ranking runs no encoder.
    static = model.static_vectors is not None
    if model.phase == "pretraining" or model.encoder is None or model.auto_encoder is None or static:
        return None
    return coupling if AUTO_ENCODER in model.loss_names else misalignment
