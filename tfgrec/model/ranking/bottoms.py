"""What tasks can share below their towers, by the name that the configuration gives it."""

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfgrec.config.model import TowersConfig
from tfgrec.model.ranking.mixture_of_experts import MixtureOfExperts
from tfgrec.model.ranking.packed_dense import PackedMLP
from tfgrec.model.ranking.packed_mixture_of_experts import PackedMixtureOfExperts
from tfgrec.model.ranking.progressive_extraction import ProgressiveExtraction

Layer = tf.keras.layers.Layer


@dataclasses.dataclass(frozen=True)
class Bottom:
    """One of BOTTOMS.

    Attributes:
      make: of the tasks' names and the sizes, a layer `[num_candidates, width]` -> `[num_candidates, units]` for all
        tasks, or a dictionary of such by task; with several members `[members, num_candidates, units]`.
      shared: its networks that every task reads, of which the last kernels are GradNorm's W where no encoder trains.
    """

    make: Callable[[Sequence[str], TowersConfig], Layer]
    shared: Callable[[Layer], list[Layer]]


def _mlp(tasks: Sequence[str], config: TowersConfig) -> Layer:
    if config.members > 1:
        return PackedMLP(members=config.members, units=config.bottom_units, name="bottom")
    return tfrs.layers.blocks.MLP(list(config.bottom_units), final_activation="relu", name="bottom")


def _mixture(tasks: Sequence[str], config: TowersConfig) -> Layer:
    if config.members > 1:
        return PackedMixtureOfExperts(
            members=config.members, tasks=tasks, experts=config.experts, units=config.bottom_units, name="bottom"
        )
    return MixtureOfExperts(tasks=tasks, experts=config.experts, units=config.bottom_units, name="bottom")


def _extraction(tasks: Sequence[str], config: TowersConfig) -> Layer:
    return ProgressiveExtraction(
        tasks=tasks,
        experts=config.experts,
        task_experts=config.task_experts,
        units=config.bottom_units,
        members=config.members,
        name="bottom",
    )


BOTTOMS = {
    "shared": Bottom(_mlp, lambda layer: [layer]),
    "mmoe": Bottom(_mixture, lambda layer: layer.experts),
    "ple": Bottom(_extraction, lambda layer: layer.shared_experts),
}
