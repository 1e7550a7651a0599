"""Trains one model alone and one on two replicas on the same batches, and prints how far apart they are, as JSON.

Run as a process of its own by test_replicas.py: logical devices can be made before TensorFlow is first used only.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import conftest  # noqa: E402  (chooses Keras 2 before TensorFlow is imported)
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tensorflow_gnn as tfgnn  # noqa: E402

from tfgrec.model import joint_model  # noqa: E402
from tfgrec.model.build import build_joint_model  # noqa: E402

STEPS = 5
Batch = tuple[tfgnn.GraphTensor, dict[str, tf.Tensor]]


def hide_by_id(graph: tfgnn.GraphTensor, *, node_sets: list[str], rate: float) -> dict[str, tf.Tensor]:
    """Stands in for sample_masks: what is hidden depends on the node alone, not on the replica that draws."""
    del rate
    return {name: graph.node_sets[name]["#id"] % 3 == 0 for name in node_sets}


def make(strategy: tf.distribute.Strategy) -> Any:
    """A model without dropout whose gradients are clipped in every step."""
    with strategy.scope():
        tf.keras.utils.set_random_seed(3)
        model = build_joint_model(
            config=conftest.make_config(
                encoder={"units": 16, "message_units": 16, "rounds": 1, "dropout": 0.0},
                towers={"bottom_units": [8], "task_units": [8], "dropout": 0.0},
                features={"video": {"#id": {"kind": "hashed", "dimension": 4, "buckets": 100}}},
                retrieval={"positive": "click", "units": 8, "hidden_units": [8]},
                balancing={"initial_loss_steps": 1, "update_every_steps": 2, "learning_rate": 0.1},
            ),
            schema=conftest.make_schema(),
            statistics=conftest.make_statistics(),
            arm="joint",
            labels=conftest.LABELS,
        )
        model.compile(
            optimizer=tf.keras.optimizers.SGD(0.1, momentum=0.9),
            embedding_optimizer=tf.keras.optimizers.SGD(0.5),
            clip_norm=0.5,
        )
    return model


def halves(seed: int) -> list[Batch]:
    """Parts of a batch with unlike numbers of requests and labels: the second one has no click label at all."""
    first, second = (
        (conftest.make_graph(size, seed=seed + size), conftest.make_labels(size, seed=seed)) for size in (4, 2)
    )
    second[1]["click"] = tf.fill([4], np.nan)
    first[1]["seconds"] = tf.where(tf.range(8) < 5, np.nan, first[1]["seconds"])
    return [first, second]


def together(parts: list[Batch]) -> Batch:
    """Both parts as one batch."""
    graphs = tf.data.Dataset.from_generator(
        lambda: (graph for graph, _ in parts), output_signature=_relaxed(parts[0][0].spec)
    )
    labels = {name: tf.concat([part[1][name] for part in parts], axis=0) for name in conftest.LABELS}
    return next(iter(graphs.batch(2))).merge_batch_to_components(), labels


def _relaxed(spec: tfgnn.GraphTensorSpec) -> tfgnn.GraphTensorSpec:
    return spec.relax(num_components=True, num_nodes=True, num_edges=True)


def main() -> None:
    """Prints the largest differences in what steps report and in variables, and whether replicas are equal."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    joint_model.sample_masks = hide_by_id
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    spread, alone = make(strategy), make(tf.distribute.get_strategy())
    specs = _relaxed(together(halves(0))[0].spec), {name: tf.TensorSpec([None], tf.float32) for name in conftest.LABELS}

    def on_replica(flat: list[tf.Tensor]) -> dict[str, tf.Tensor]:
        return spread.train_step(tf.nest.pack_sequence_as(specs, flat, expand_composites=True))

    spread_step = tf.function(lambda flat: strategy.run(on_replica, args=(flat,)))
    alone_step = tf.function(lambda *batch: alone.train_step(batch), input_signature=specs)
    reports = []
    for seed in range(STEPS):
        parts = halves(seed)
        flat = strategy.experimental_distribute_values_from_function(
            lambda context, parts=parts: tf.nest.flatten(
                parts[context.replica_id_in_sync_group], expand_composites=True
            )
        )
        expected = alone_step(*together(parts))
        local = {name: strategy.experimental_local_results(value) for name, value in spread_step(flat).items()}
        reports.append({name: [float(value) for value in (*local[name], expected[name])] for name in expected})
    before = make(tf.distribute.get_strategy())
    pairs = list(zip(spread.variables, alone.variables, before.variables, strict=True))
    values = {
        one.name: (*[value.numpy() for value in strategy.experimental_local_results(one)], other.numpy(), start.numpy())
        for one, other, start in pairs
        if one.dtype.is_floating
    }
    print(
        json.dumps(
            {
                "reports": reports,
                "replicas_are_equal": all(np.array_equal(of[0], of[1]) for of in values.values()),
                "difference": {name: float(np.abs(of[0] - of[2]).max()) for name, of in values.items()},
                "change": {name: float(np.abs(of[3] - of[2]).max()) for name, of in values.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
