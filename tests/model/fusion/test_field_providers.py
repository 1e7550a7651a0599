"""A field that nobody knows of but its provider reaches the towers of every arm, and learns."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.model.fusion import field_providers
from tfgrec.model.fusion.ranker_fields import RankerFields


@tf.keras.utils.register_keras_serializable(package="tests")
class CandidatesInRequest(tf.keras.layers.Layer):
    """How many candidates compete, learned as a vector.

    Call: scalar GraphTensor -> `{"competition": [num_candidates, 3]}`.
    """

    field_names = ("competition",)
    id_tables = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._dense = tf.keras.layers.Dense(3, name="dense")

    def call(self, graph: tfgnn.GraphTensor, training: bool = False, items: Any = None) -> dict[str, tf.Tensor]:
        count = tf.cast(graph.node_sets["_readout"].total_size, tf.float32)
        return {"competition": self._dense(tf.fill([graph.node_sets["_readout"].total_size, 1], tf.math.log(count)))}


@pytest.mark.parametrize("arm", ["joint", "no_graph"])
def test_a_provided_field_is_fused_trained_and_made_again(build, graph, arm: str, monkeypatch) -> None:
    monkeypatch.setattr(field_providers, "FIELD_PROVIDERS", (lambda *_: CandidatesInRequest(), lambda *_: None))
    model = build(arm)
    assert model.ranker_fields.field_names[-1] == "competition"
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(graph(), training=True)["click"] ** 2)
    provider = model.ranker_fields._providers[0]
    assert any(np.abs(gradient).max() > 0 for gradient in tape.gradient(loss, provider.trainable_variables))
    copy = RankerFields.from_config(model.ranker_fields.get_config())
    copy(graph())
    copy.set_weights(model.ranker_fields.get_weights())
    found, expected = copy(graph())["competition"], model.ranker_fields(graph())["competition"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_without_providers_the_configuration_is_as_it_was(build) -> None:
    """So runs of earlier versions still start warm."""
    assert "providers" not in build("no_graph").ranker_fields.get_config()
