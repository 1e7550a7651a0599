"""Effective ranks of matrices whose singular values are known, and shares of a logit written out."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.model.representation_diagnostics import effective_rank, representation_diagnostics


@pytest.mark.parametrize("values", [[3.0, 3.0, 3.0], [5.0, 1.0, 0.1], [2.0, 0.0, 0.0]])
def test_effective_rank_is_the_entropy_of_singular_values(values) -> None:
    random = np.random.default_rng(0)
    left = np.linalg.qr(np.concatenate([np.ones((40, 1)), random.normal(size=(40, 3))], axis=1))[0][:, 1:]
    right = np.linalg.qr(random.normal(size=(3, 3)))[0]
    vectors = left @ np.diag(values) @ right + 7.0
    shares = np.array(values) / np.sum(values)
    expected = np.exp(-sum(share * np.log(share) for share in shares if share))
    np.testing.assert_allclose(effective_rank(tf.constant(vectors, tf.float32)), expected, rtol=1e-3)


def test_equal_vectors_have_no_rank() -> None:
    assert float(effective_rank(tf.ones([5, 3]))) == 0.0


def test_a_logit_of_two_fields_is_shared_by_their_variances(joint, graph, monkeypatch) -> None:
    random = np.random.default_rng(1)
    fields = {name: tf.constant(random.normal(size=(4000, 1)), tf.float32) for name in ("user", "item", "request")}
    monkeypatch.setattr(joint, "fields", lambda *_, **__: fields)
    monkeypatch.setattr(joint, "represent", lambda *_, **__: None)
    monkeypatch.setattr(joint, "rank", lambda of, **_: {"click": (3.0 * of["user"] + of["item"])[:, 0]})
    report = representation_diagnostics(joint, graph(num_requests=1, candidates=[4000]))
    shares = {name.split("/")[-1]: float(value) for name, value in report.items() if name.startswith("logit_share/")}
    assert shares == pytest.approx({"user": 0.9, "item": 0.1, "request": 0.0}, abs=0.03)


def test_a_whole_model_tells_of_all_its_fields(build, open_graph_maps, graph) -> None:
    model = open_graph_maps(build("joint", fusion={"match": "dot"}, match={"buckets": 500}))
    report = representation_diagnostics(model, graph(8))
    fields = {name.split("/")[-1] for name in report if name.startswith("logit_share/click/")}
    assert fields == {"user", "item", "request", "match", "graph_user", "graph_item", "graph_product"}
    ranks = {name for name in report if name.startswith("effective_rank/")}
    assert ranks == {f"effective_rank/{name}" for name in ("graph_user", "graph_item", "tied_vectors")}
    assert all(np.isfinite(value) for value in report.values())
