"""Mixed precision is a matter of one model; what is served computes in float32."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.run.run_directory import RunDirectory
from tfgrec.training.history import read_history
from tfgrec.training.precision import precision_policy, with_loss_scale
from tfgrec.training.run_model import RunModel
from tfgrec.training.trainer import train


@pytest.mark.parametrize(("name", "policy"), [("bfloat16", "mixed_bfloat16"), ("float16", "mixed_float16")])
def test_layers_keep_the_policy_and_the_process_does_not(name: str, policy: str) -> None:
    with precision_policy(name):
        inside = tf.keras.layers.Dense(1)
    assert (inside.compute_dtype, inside.variable_dtype) == (name, "float32")
    assert inside.dtype_policy.name == policy
    assert tf.keras.layers.Dense(1).compute_dtype == "float32"
    with pytest.raises(ZeroDivisionError), precision_policy(name):
        1 / 0  # noqa: B018
    assert tf.keras.mixed_precision.global_policy().name == "float32"


def test_only_float16_scales_losses() -> None:
    assert isinstance(
        with_loss_scale(tf.keras.optimizers.Adam(), "float16"), tf.keras.mixed_precision.LossScaleOptimizer
    )
    for name in ("none", "bfloat16"):
        assert isinstance(with_loss_scale(tf.keras.optimizers.Adam(), name), tf.keras.optimizers.Adam)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_a_mixed_training_is_restored_and_served_in_float32(run: RunDirectory, name: str) -> None:
    overrides = [f"training.mixed_precision={name}", "training.epochs=1", "training.diagnostics_every_steps=100"]
    config = run.read_config(overrides)
    mixed = RunModel(config, run)
    assert train(mixed)["steps"] == 8
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    lines = read_history(run.history)
    assert all(np.isfinite(line["loss"]) for line in lines)
    assert ("skipped" in lines[-1]) == (name == "float16")

    # Goes on where it was: with the loss scale and without a step.
    again = RunModel(config, run)
    assert train(again)["steps"] == 8
    for restored, trained in zip(again.model.variables, mixed.model.variables, strict=True):
        assert restored.dtype == tf.float32 or not restored.dtype.is_floating
        np.testing.assert_array_equal(restored.numpy(), trained.numpy())

    # The export compares itself with `trained`, which is another model than the one that was trained.
    assert again.trained is not again.model
    assert (again.export() / "saved_model.pb").exists()
    graph, _ = again.training_data.parse(tf.constant(again.sample("train")))
    served, trained = again.trained(graph), mixed.model(graph)
    for task, logits in served.items():
        # A regression's label units would be exponential in what is rounded. bfloat16 keeps 8 bits.
        np.testing.assert_allclose(trained[task], logits, rtol=0, atol=0.02)
        assert not np.array_equal(trained[task], logits), "float32 and mixed precision differ in rounding"
