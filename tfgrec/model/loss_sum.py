"""A loss as the sum of its terms and how many there are: what replicas need to agree on a mean."""

from typing import NamedTuple

import tensorflow as tf


class LossSum(NamedTuple):
    """A loss over the part of a batch that one replica sees.

    The mean of replicas' means is not the mean over the batch where their counts differ, as labels that are missing
    make them. So a loss is kept as a sum until the counts of all replicas are added up.

    Attributes:
      total: Sum of the terms (each times its weight), a float32 scalar.
      count: Number of terms (or the sum of their weights), a float32 scalar without gradient.
    """

    total: tf.Tensor
    count: tf.Tensor

    def mean(self) -> tf.Tensor:
        """The mean over this part's own terms; 0 where there is none."""
        return tf.math.divide_no_nan(self.total, self.count)
