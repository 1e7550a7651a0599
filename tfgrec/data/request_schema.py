"""What graph.pbtxt may leave out, since tables.yaml says it: the request's time, and most of `_readout`."""

import dataclasses

from tfgrec.config.tables import Requests, TimePart
from tfgrec.graph.computed.computed_features import computed_features
from tfgrec.graph.schema import ITEM_READOUT, READOUT, TIME, USER_READOUT, EdgeSet, Feature, GraphSchema, NodeSet


def with_requests(schema: GraphSchema, requests: Requests) -> GraphSchema:
    """A graph's schema with what follows from the requests of its tables.yaml; what it declares itself stays.

    Labels and computed features are numbers, and parts of a time integers. The types of other request features are for
    graph.pbtxt to tell. `_readout/user` leads from the users' node set, and where no edge set for candidates is
    declared, one leads from each node set that candidates are of.
    """
    integers = [name for name, feature in requests.features.items() if isinstance(feature, TimePart)]
    features = dict.fromkeys([*requests.labels, *computed_features(requests)], Feature("float32"))
    features |= dict.fromkeys(integers, Feature("int64"))
    declared = schema.node_sets.get(READOUT, NodeSet({})).features
    readout = NodeSet(dict(sorted({**features, **declared}.items())))
    edge_sets = dict(schema.edge_sets)
    edge_sets.setdefault(USER_READOUT, EdgeSet(requests.user_node_set, READOUT, {}))
    if not any(name.startswith(ITEM_READOUT) for name in edge_sets):
        edge_sets |= _item_readouts(requests)
    return dataclasses.replace(
        schema,
        context=schema.context or {TIME: Feature("int64")},
        node_sets=dict(sorted({**schema.node_sets, READOUT: readout}.items())),
        edge_sets=dict(sorted(edge_sets.items())),
    )


def _item_readouts(requests: Requests) -> dict[str, EdgeSet]:
    node_sets = sorted({source.item_node_set for source in requests.sources})
    names = [ITEM_READOUT] if len(node_sets) == 1 else [f"{ITEM_READOUT}/{node_set}" for node_set in node_sets]
    return {name: EdgeSet(node_set, READOUT, {}) for name, node_set in zip(names, node_sets, strict=True)}
