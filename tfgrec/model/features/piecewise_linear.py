"""Piecewise-linear encoding of numbers: how far a number has come in each of some bins."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def bin_edges(quantiles: Sequence[float], bins: int) -> list[float]:
    """`bins` + 1 edges that never fall: every so many of the different ones among evenly spaced quantiles.

    Without ties these are the quantiles at 0, 1 / bins, 2 / bins, ... Where many values are equal, what they would use
    up goes to the others. Too few different values leave bins of no width at the end, so that the number of columns is
    the configuration's alone, and a warm start on other statistics fits.
    """
    different = np.unique(np.asarray(quantiles, np.float32)).tolist() or [0.0]
    last = len(different) - 1
    places = [place * last // bins for place in range(bins + 1)] if last > bins else range(last + 1)
    edges = [different[place] for place in places]
    return edges + edges[-1:] * (bins + 1 - len(edges))


def piecewise_linear(numbers: tf.Tensor, edges: Sequence[Sequence[float]]) -> tf.Tensor:
    """clip((x - edge_i) / (edge_{i+1} - edge_i), 0, 1) - 1/2 for each bin of each number; 0 for a bin of no width.

    Gorishniy et al., NeurIPS 2022, arXiv 2203.05556, section 3.2; centred here.

    Args:
      numbers: `[num_nodes, num_numbers]` float32.
      edges: of each number, rising or equal. Numbers may differ in how many bins they have.

    Returns:
      `[num_nodes, total number of bins]` float32, number by number.
    """
    own_bins = [len(of_number) - 1 for of_number in edges]
    bins = max(own_bins)
    padded = [[*of_number, *[of_number[-1]] * (bins + 1 - len(of_number))] for of_number in edges]
    starts = np.array(padded, np.float32)[:, :-1]
    widths = np.diff(np.array(padded, np.float32), axis=1)
    there = (widths > 0).astype(np.float32)
    progress = tf.clip_by_value((numbers[:, :, tf.newaxis] - starts) / np.where(widths > 0, widths, 1.0), 0.0, 1.0)
    columns = tf.reshape((progress - 0.5) * there, [-1, len(edges) * bins])
    if min(own_bins) == bins:
        return columns
    return tf.gather(columns, np.flatnonzero(np.arange(bins) < np.array(own_bins)[:, np.newaxis]), axis=1)
