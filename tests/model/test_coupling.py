"""Diagnostics of what ranking and the auto-encoder want of the encoder."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.model.coupling import coupling, misalignment
from tfgrec.model.loss_sum import LossSum


def test_coupling_is_of_the_weighted_gradients_on_the_encoder(build, open_graph_maps, graph, labels) -> None:
    model = open_graph_maps(build("joint"))
    report = {name: float(value) for name, value in coupling(model, graph(8), labels(8)).items()}
    assert report["ranking_norm"] > 0 and report["auto_encoder_norm"] > 0
    assert 0 < report["auto_encoder_share"] < 1 and -1 <= report["cosine"] <= 1
    tf.keras.utils.set_random_seed(1)
    before = coupling(model, graph(8), labels(8))
    model.balancer.weights.assign([1.0, 1.0, 1e-6])
    tf.keras.utils.set_random_seed(1)
    after = coupling(model, graph(8), labels(8))
    assert float(after["auto_encoder_share"]) < 1e-3 < float(before["auto_encoder_share"])
    assert float(after["auto_encoder_norm"]) == pytest.approx(
        float(before["auto_encoder_norm"]) * 1e-6 / 0.3913, rel=0.01
    )


def test_a_pretrained_encoder_is_still_pulled_by_ranking(build, open_graph_maps, graph, labels) -> None:
    encoder = {"units": 16, "message_units": 16, "rounds": 1, "dropout": 0.0}
    model = open_graph_maps(build("frozen_encoder", encoder=encoder))
    model.freeze_encoder()
    report = misalignment(model, graph(8), labels(8))
    assert float(report["misalignment"]) == pytest.approx(
        float(report["ranking_norm"]) / float(report["auto_encoder_norm"]), rel=1e-5
    )
    assert float(report["ranking_norm"]) > 0 and np.isfinite(report["cosine"])


def test_retrieval_pulls_on_a_pretrained_encoder_too(build, open_graph_maps, graph, labels) -> None:
    encoder = {"units": 16, "message_units": 16, "rounds": 1, "dropout": 0.0}
    model = open_graph_maps(build("frozen_encoder", encoder=encoder, retrieval={"positive": "click"}))
    model.freeze_encoder()
    assert model.balancer.loss_names == ["click", "seconds", "retrieval"]
    norms = {}
    for name, weights in {"tasks": [1.0, 1.0, 0.0], "retrieval": [0.0, 0.0, 1.0], "all": [1.0, 1.0, 1.0]}.items():
        model.balancer.weights.assign(weights)
        norms[name] = float(misalignment(model, graph(8), labels(8))["ranking_norm"])
    assert norms["retrieval"] > 0
    assert abs(norms["tasks"] - norms["retrieval"]) <= norms["all"] <= norms["tasks"] + norms["retrieval"]
    assert norms["all"] != pytest.approx(norms["tasks"], rel=1e-3)


def test_equal_gradients_have_cosine_one_and_share_a_half(build, open_graph_maps, graph, labels, monkeypatch) -> None:
    model = open_graph_maps(build("joint"))
    real = model.loss_sums

    def same_losses(*arguments, **options) -> dict[str, LossSum]:
        loss = real(*arguments, **options)["click"]
        return {"click": loss, "seconds": LossSum(tf.constant(0.0), tf.constant(1.0)), "auto_encoder": loss}

    monkeypatch.setattr(model, "loss_sums", same_losses)
    model.balancer.weights.assign([1.0, 1.0, 1.0])
    report = coupling(model, graph(8), labels(8))
    assert float(report["cosine"]) == pytest.approx(1.0, abs=1e-4)
    assert float(report["auto_encoder_share"]) == pytest.approx(0.5, abs=1e-4)
