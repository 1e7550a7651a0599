"""The balancer that leaves weights alone, and the weights that an earlier training gives it."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfgrec.errors import ConfigurationError
from tfgrec.model.balancing.balancer import Balancer, balancer_variable


class FixedWeights(Balancer):
    """Losses keep the weights that the configuration, or an earlier training, gives them.

    Examples:
      >>> import tfgrec
      >>> tfgrec.FixedWeights(names=["click", "like"], weights=[1.0, 0.5]).mean_weights()
      {'click': 1.0, 'like': 0.5}
    """

    def __init__(self, *, names: Sequence[str], weights: Sequence[float]) -> None:
        super().__init__(names=names, name="fixed_weights")
        self._weights = balancer_variable(tf.constant(weights, tf.float32), "weights")

    @property
    def weights(self) -> tf.Variable:
        """The weights, `[num_losses]`."""
        return self._weights


def recorded_weights_of(
    losses: Sequence[str], recorded: Mapping[str, float], *, source: str | None
) -> dict[str, float]:
    """The recorded weights of a model's losses, in their order. An arm may train fewer losses than were recorded.

    Raises:
      ConfigurationError: a loss was not recorded.
    """
    missing = sorted(set(losses) - set(recorded))
    if missing:
        raise ConfigurationError(
            f"model.balancing.weights_from: {source} was trained with the losses {', '.join(recorded)}; "
            f"this model also has {', '.join(missing)}"
        )
    return {name: recorded[name] for name in losses}
