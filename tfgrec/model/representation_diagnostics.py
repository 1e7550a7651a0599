"""Diagnostics of what a model's parts do: how many directions its vectors use, and what each field does to a logit."""

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT
from tfgrec.model.fusion.graph_fields import GRAPH_FIELDS
from tfgrec.model.joint_model import JointModel
from tfgrec.model.match.candidate_match import MATCH, MATCH_SUMS

_MOST_ROWS = 512


def effective_rank(vectors: tf.Tensor) -> tf.Tensor:
    """exp of the entropy of the shares of the singular values of centred vectors `[num_vectors, units]`, a scalar.

    Between 1, where all differ in one direction alone, and `units` (Roy and Vetterli, EUSIPCO 2007). 0 where all are
    equal.
    """
    vectors = tf.cast(vectors[:_MOST_ROWS], tf.float32)
    values = tf.linalg.svd(vectors - tf.reduce_mean(vectors, axis=0), compute_uv=False)
    total = tf.reduce_sum(values)
    shares = tf.math.divide_no_nan(values, total)
    entropy = -tf.reduce_sum(tf.math.multiply_no_nan(tf.math.log(tf.maximum(shares, 1e-30)), shares))
    return tf.where(total > 0, tf.exp(entropy), 0.0)


@tf.autograph.experimental.do_not_convert
def representation_diagnostics(model: JointModel, graph: tfgnn.GraphTensor) -> dict[str, tf.Tensor]:
    """Of one batch, scalars.

    Returns:
      `effective_rank/<field>` of the graph's fields and `effective_rank/tied_vectors` of the candidates' tied vectors;
      `logit_share/<task>/<field>`: what shuffling a field among the batch's candidates does to the task's logit, the
      mean squared change over twice the logit's variance: its total-effect Sobol index (Jansen, 1999), 0 for a field
      that does nothing. Fields that act together are counted in each of their shares.
    """
    fields = model.fields(graph, model.represent(graph, training=False))
    report = {f"effective_rank/{name}": effective_rank(fields[name]) for name in GRAPH_FIELDS[:2] if name in fields}
    if model.match is not None and model.match.id_tables:
        report["effective_rank/tied_vectors"] = effective_rank(model.match.candidate_vectors(graph))
    logits = model.rank(fields)
    order = tf.random.shuffle(tf.range(graph.node_sets[READOUT].total_size))
    # The sums are a part of the match.
    for name in (name for name in fields if name != MATCH_SUMS):
        shuffled = {name: tf.gather(fields[name], order)}
        if name == MATCH:
            shuffled[MATCH_SUMS] = tf.gather(fields[MATCH_SUMS], order)
        changed = model.rank({**fields, **shuffled})
        for task, of_task in logits.items():
            change = tf.reduce_mean(tf.square(changed[task] - of_task))
            report[f"logit_share/{task}/{name}"] = tf.math.divide_no_nan(change, 2.0 * tf.math.reduce_variance(of_task))
    return report
