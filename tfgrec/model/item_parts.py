"""What ranking reads of a candidate's item alone: read off the graph, or given, as by a cache of items."""

from collections.abc import Callable, Mapping

import tensorflow as tf

Part = Callable[[], tf.Tensor]


class ItemParts:
    """The item's share in one forward pass, part by part.

    Ranking reads of an item: its features (`item`), its encoded state or static vector (`graph_item`), its tied vector
    (`match`), its content in the match's space (`match_content`) and its factors (`match_factors`), as far as the model
    has them. All else that it knows of a candidate depends on the user or on the request. A candidate without an item
    has zeros in all parts.

    Args:
      given: `{part: [num_candidates, width]}`, read in place of the graph's items; None: the graph's are read.

    Attributes:
      read: what the pass has read, `{part: [num_candidates, width]}`.
    """

    def __init__(self, given: Mapping[str, tf.Tensor] | None = None) -> None:
        self._given = given
        self.read: dict[str, tf.Tensor] = {}

    def part(self, name: str, compute: Part) -> tf.Tensor:
        """The part given, or else what `compute` reads off the graph."""
        self.read[name] = compute() if self._given is None else self._given[name]
        return self.read[name]


def item_part(items: ItemParts | None, name: str, compute: Part) -> tf.Tensor:
    """`items.part`, or where nobody asks for parts what `compute` reads off the graph."""
    return compute() if items is None else items.part(name, compute)
