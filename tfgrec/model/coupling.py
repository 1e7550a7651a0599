"""How ranking and the auto-encoder pull on the encoder: diagnostics of joint and of two-stage training."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.model.joint_model import AUTO_ENCODER, JointModel
from tfgrec.model.retrieval.retrieval_task import RETRIEVAL

Labels = Mapping[str, tf.Tensor]


@tf.autograph.experimental.do_not_convert
def coupling(model: JointModel, graph: tfgnn.GraphTensor, labels: Labels) -> dict[str, tf.Tensor]:
    """For joint training: the weighted gradients of ranking and of the auto-encoder on the encoder, on one batch.

    Id tables are left out: most of their rows have no gradient in a batch.

    Returns:
      Scalars: `ranking_norm`, `auto_encoder_norm`, `auto_encoder_share` (of the sum of both norms, 0 to 1) and `cosine`
      (1: both want the same of the encoder; 0: nothing in common; -1: the opposite).
    """
    variables = _encoder_weights(model)
    with tf.GradientTape(persistent=True) as tape:
        losses = model.loss_sums(graph, labels, model.represent(graph, training=True))
        weights = model.loss_weights()
        weighted = {name: weights[name] * loss.mean() for name, loss in losses.items()}
        auto_encoder = weighted.pop(AUTO_ENCODER)
        ranking = tf.add_n(list(weighted.values()))
    return _compare(_flat_gradient(tape, ranking, variables), _flat_gradient(tape, auto_encoder, variables))


@tf.autograph.experimental.do_not_convert
def misalignment(model: JointModel, graph: tfgnn.GraphTensor, labels: Labels) -> dict[str, tf.Tensor]:
    """For two-stage training: what ranking, retrieval included, would still want of the frozen encoder, on one batch.

    Pre-training has left the encoder where the auto-encoder's gradient is small. If ranking's gradient there is large
    beside it, the encoder rests far from where ranking wants it.

    Returns:
      `coupling`'s scalars, and `misalignment`: the norm of ranking's gradient over the auto-encoder's.
    """
    variables = _encoder_weights(model)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(variables)
        fields = model.fields(graph, model.represent(graph, training=False))
        losses = model.task_loss_sums(graph, model.member_logits(fields, training=False), labels)
        if model.retrieval is not None:
            losses[RETRIEVAL] = model.retrieval(graph, fields, labels, training=False)
        weights = model.loss_weights()
        ranking = tf.add_n([weights[name] * loss.mean() for name, loss in losses.items()])
        auto_encoder = model.auto_encoder_loss_sum(graph, model.represent(graph, training=True)).mean()
    report = _compare(_flat_gradient(tape, ranking, variables), _flat_gradient(tape, auto_encoder, variables))
    ratio = tf.math.divide_no_nan(report["ranking_norm"], report["auto_encoder_norm"])
    return {"misalignment": ratio, **report}


def _encoder_weights(model: JointModel) -> list[tf.Variable]:
    tables = {table.ref() for table in model.embedding_variables}
    return [variable for variable in model.encoder_variables if variable.ref() not in tables]


def _flat_gradient(tape: tf.GradientTape, loss: tf.Tensor, variables: Sequence[tf.Variable]) -> tf.Tensor:
    gradients: list[Any] = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return tf.concat([tf.reshape(tf.convert_to_tensor(gradient), [-1]) for gradient in gradients], axis=0)


def _compare(ranking: tf.Tensor, auto_encoder: tf.Tensor) -> dict[str, tf.Tensor]:
    ranking_norm, auto_encoder_norm = tf.norm(ranking), tf.norm(auto_encoder)
    product = tf.reduce_sum(ranking * auto_encoder)
    return {
        "ranking_norm": ranking_norm,
        "auto_encoder_norm": auto_encoder_norm,
        "auto_encoder_share": tf.math.divide_no_nan(auto_encoder_norm, ranking_norm + auto_encoder_norm),
        "cosine": tf.math.divide_no_nan(product, ranking_norm * auto_encoder_norm),
    }
