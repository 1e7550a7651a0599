"""What of a record tells whether its user, or a candidate's item, had any event before the request."""

import dataclasses

from tfgrec.config.sampling import SamplingConfig
from tfgrec.graph.schema import USER_READOUT, GraphSchema


@dataclasses.dataclass(frozen=True)
class RootEvents:
    """Where the events of a readout's nodes are.

    Attributes:
      node_set: the users or the items.
      edge_sets: edge sets that leave them.
      histories: node sets that list users' events.
    """

    node_set: str
    edge_sets: tuple[str, ...]
    histories: tuple[str, ...]

    @property
    def tell(self) -> bool:
        """Whether there is anything that tells nodes with events from others."""
        return bool(self.edge_sets or self.histories)


def events_of_roots(schema: GraphSchema, sampling: SamplingConfig) -> dict[str, RootEvents]:
    """By readout edge set, what a record's nodes have where they had any event.

    Events are edges with times that the first hop samples, and histories. Where there are none, the first hop's edges
    without times stand for them; where there are none of these either, nothing tells.

    Args:
      schema: of the records.
      sampling: the plan of the records.
    """
    first = [name for name, plan in sampling.hops[0].items() if plan.fan_out > 0 and name in schema.stored_edge_sets]
    found = {}
    for readout in (USER_READOUT, *schema.item_readouts().values()):
        node_set = schema.edge_sets[readout].source
        leaving = [name for name in first if schema.edge_sets[name].source == node_set]
        timed = [name for name in leaving if schema.edge_sets[name].timed]
        histories = list(schema.history_node_sets) if readout == USER_READOUT else []
        edge_sets = timed if timed or histories else leaving
        found[readout] = RootEvents(node_set, tuple(edge_sets), tuple(histories))
    return found
