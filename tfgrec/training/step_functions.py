"""What is computed on a batch, compiled once for batches of all sizes."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.data.input_pipeline import TrainingData
from tfgrec.model.coupling import coupling, misalignment
from tfgrec.model.joint_model import AUTO_ENCODER

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel

Labels = Mapping[str, tf.Tensor]


class StepFunctions:
    """The training step and the diagnostics of a model in its present phase.

    Which variables train, and which losses there are, is decided when these are traced: each phase needs its own.
    """

    def __init__(self, model: "JointModel", data: TrainingData):
        signature = data.batch_spec

        def train_step(graph: tfgnn.GraphTensor, labels: Labels) -> dict[str, tf.Tensor]:
            return model.train_step((graph, labels))

        self.train_step = tf.function(train_step, input_signature=signature)
        diagnostics = _diagnostics_of(model)
        self._diagnose = (
            None
            if diagnostics is None
            else tf.function(lambda graph, labels: diagnostics(model, graph, labels), input_signature=signature)
        )

    def diagnose(self, graph: tfgnn.GraphTensor, labels: Labels) -> dict[str, float]:
        """`coupling/<name>` on one batch; empty where ranking and the auto-encoder don't share an encoder."""
        if self._diagnose is None:
            return {}
        return {f"coupling/{name}": float(value) for name, value in self._diagnose(graph, labels).items()}


def _diagnostics_of(model: "JointModel") -> Callable[["JointModel", tfgnn.GraphTensor, Labels], dict] | None:
    if model.phase == "pretraining" or model.encoder is None or model.auto_encoder is None:
        return None
    return coupling if AUTO_ENCODER in model.loss_names else misalignment
