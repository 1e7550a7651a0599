"""GradNorm's W: one linear map for each node set."""

import numpy as np
import tensorflow as tf

from tfgrec.model.encoder.shared_projection import SharedProjection


def test_each_node_set_has_a_map_of_its_own_also_without_nodes() -> None:
    projection = SharedProjection(node_sets=["user", "video"], units=3)
    states = tf.constant([[1.0, 2.0], [0.0, -1.0]])
    projected = {name: projection(states, node_set=name) for name in ("user", "video")}
    assert [kernel.shape.as_list() for kernel in projection.kernels] == [[2, 3], [2, 3]]
    for kernel, values in zip(projection.kernels, projected.values(), strict=True):
        np.testing.assert_allclose(values, states @ kernel, rtol=1e-6)
    assert projection(states[:0], node_set="user").shape == [0, 3]


def test_a_copy_from_the_config_projects_alike() -> None:
    projection = SharedProjection(node_sets=["user"], units=3)
    copy = SharedProjection.from_config(projection.get_config())
    states = tf.constant([[1.0, 2.0]])
    expected = projection(states, node_set="user")
    copy(states, node_set="user")
    copy.set_weights(projection.get_weights())
    np.testing.assert_array_equal(copy(states, node_set="user"), expected)
