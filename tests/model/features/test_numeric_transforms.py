"""`model.numeric_transforms` in whole models: what it reaches, and what it leaves alone."""

import numpy as np
import pytest
import tensorflow as tf

BINS = 8
RAGGED = [1, 0, 4]


def request_width(model, batch) -> int:
    return model.ranker_fields(batch)["request"].shape[1]


def test_numbers_and_rates_of_requests_get_bins_and_nothing_else_does(build, graph) -> None:
    plain, binned = build("no_graph"), build("no_graph", numeric_transforms=["log", "piecewise"])
    before, after = plain.ranker_fields(graph()), binned.ranker_fields(graph())
    # Of `shown`, `clicked` and the rate of both.
    assert after["request"].shape[1] == before["request"].shape[1] + 3 * BINS
    for field in ("user", "item"):
        assert after[field].shape == before[field].shape


def test_a_number_with_transforms_of_its_own_keeps_them(build, graph) -> None:
    own = {"_readout": {"shown": {"kind": "numeric", "transforms": ["log"]}}}
    all_binned = build("no_graph", numeric_transforms=["log", "piecewise"])
    one_less = build("no_graph", features=own, numeric_transforms=["log", "piecewise"])
    assert request_width(one_less, graph()) == request_width(all_binned, graph()) - BINS


def test_log_is_what_is_read_without_the_key(build, graph) -> None:
    batch = graph(candidates=RAGGED)
    for plain, told in zip(
        *(build("joint", numeric_transforms=of)(batch).values() for of in (None, ["log"])), strict=True
    ):
        np.testing.assert_array_equal(plain, told)


@pytest.mark.parametrize("arm", ["joint", "no_graph"])
def test_gates_and_levels_take_wide_fields(build, graph, arm: str) -> None:
    model = build(arm, numeric_transforms=["standard", "piecewise"])
    predicted = model.predictions(graph(candidates=RAGGED))["click"]
    assert predicted.shape == [sum(RAGGED)] and np.isfinite(predicted).all()


def test_the_auto_encoder_rebuilds_one_column_whatever_stands_beside_it(build) -> None:
    def targets(transforms: list[str]) -> tuple[dict, tuple]:
        model = build("joint", features={"video": {"duration": {"kind": "numeric", "transforms": transforms}}})
        decoder = model.auto_encoder.get_config()["targets"]["video"]["numeric"]["duration"]
        return decoder, [variable.shape for variable in model.auto_encoder.variables]

    assert targets(["standard"]) == targets(["piecewise", "standard"]) == targets(["piecewise"])


def test_half_precision_loses_little_of_a_bin(build, graph) -> None:
    exact = build("no_graph", numeric_transforms=["log", "piecewise"]).ranker_fields(graph())["request"]
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        half = build("no_graph", numeric_transforms=["log", "piecewise"]).ranker_fields(graph())["request"]
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert half.dtype == tf.bfloat16 and half.shape == exact.shape
    # The embedded hour, whose rows differ from model to model, is left out.
    columns = [place for place in range(exact.shape[1]) if np.abs(exact.numpy()[:, place]).max() > 0.06]
    assert len(columns) > 2 * BINS
    np.testing.assert_allclose(
        tf.cast(half, tf.float32).numpy()[:, columns], exact.numpy()[:, columns], rtol=0.01, atol=2e-3
    )
