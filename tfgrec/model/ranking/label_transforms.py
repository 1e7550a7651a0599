"""The scale on which a regression is learnt, and the way back to the label's units."""

from collections.abc import Mapping

import tensorflow as tf

from tfgrec.config.model import TaskConfig

# exp(20) units are beyond any label; a larger logit would overflow.
_LARGEST_LOGARITHM = 20.0
# A larger unit is a mistake, and would overflow with it.
_LARGEST_UNIT = 1e15


class LabelTransform:
    """y = f(label / unit) and label = unit * f^-1(y), with f log(1 + x), sqrt(x) or x ("none").

    The unit is the configured `scale`, or, of each candidate, its feature `relative_to` where that is larger: watch
    time relative to the video's duration is the share that was watched, and videos without a known duration (0, NaN or
    above 1e15) keep the scale. Labels of `log` and `sqrt` are not negative: one below zero counts as zero, and none is
    predicted.
    """

    def __init__(self, config: TaskConfig) -> None:
        self._config = config

    def __call__(self, labels: tf.Tensor, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Transforms labels; like the `_readout` features by name, `[num_candidates]`."""
        values = labels / self._units(features)
        if self._config.transform == "none":
            return values
        values = tf.maximum(values, 0.0)
        return tf.math.log1p(values) if self._config.transform == "log" else tf.sqrt(values)

    def inverse(self, values: tf.Tensor, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The label for each transformed value, `[num_candidates]`."""
        if self._config.transform == "log":
            values = tf.math.expm1(tf.clip_by_value(values, 0.0, _LARGEST_LOGARITHM))
        elif self._config.transform == "sqrt":
            values = tf.square(tf.maximum(values, 0.0))
        return values * self._units(features)

    def _units(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        scale = tf.constant(self._config.scale)
        if self._config.relative_to is None:
            return scale
        values = features[self._config.relative_to]
        return tf.where((values > scale) & (values <= _LARGEST_UNIT), values, scale)
