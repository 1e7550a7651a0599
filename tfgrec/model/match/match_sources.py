"""What of a user's records a candidate is matched with: histories, sampled neighbours, and theirs."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import TypeAdapter

from tfgrec.config.base import FrozenConfig
from tfgrec.config.match import MatchConfig
from tfgrec.errors import ConfigurationError
from tfgrec.graph.edge_numbers import edge_set_statistics, is_edge_number
from tfgrec.graph.schema import ID, TIME, USER_READOUT, EdgeSet, Feature, GraphSchema
from tfgrec.model.features.edge_number_specs import edge_number_specs
from tfgrec.model.features.feature_specs import NumericSpec, Statistics

Keys = dict[str, str]
"""`{feature: namespace}`: equal values of two features in one namespace have the same vector."""


class MatchSource(FrozenConfig):
    """One list of events a request: a history's nodes, or the ends of a path of edges that begins at the user.

    Attributes:
      name: of the history node set, or of the path's edge sets with dots between.
      history: whether it is a history.
      path: the edge sets of the path; none for a history.
      target: the node set that events lead to.
      keys: of an event: of the history's node, or of the path's last node.
      numbers: the event's own numbers, such as outcomes: of the history's node, or of the path's last edge.
      scales: how each number is read (see `edge_number_specs`); one without is read as sign(x) log(1 + |x|).
      timed: whether events have a time.
    """

    name: str
    history: bool
    path: list[str] = []
    target: str
    keys: Keys
    numbers: list[str] = []
    scales: dict[str, NumericSpec] = {}
    timed: bool


_SOURCES: TypeAdapter = TypeAdapter(list[MatchSource])


def parse_sources(values: Sequence[object]) -> list[MatchSource]:
    """Sources from a layer's config, or from sources."""
    return _SOURCES.validate_python(list(values))


def candidate_keys(schema: GraphSchema, config: MatchConfig) -> dict[str, Keys]:
    """The keys of the candidates of each item node set.

    Raises:
      ConfigurationError: `model.match.keys` names a node set or a feature that the records do not have.
    """
    for node_set, features in config.keys.items():
        nodes = schema.stored_node_sets.get(node_set)
        missing = [node_set] if nodes is None else [name for name in features if name not in nodes.features]
        if missing:
            raise ConfigurationError(f"model.match.keys.{node_set}: the records have no '{missing[0]}'")
    return {name: _keys(name, schema.node_sets[name].features, config) for name in sorted(schema.item_readouts())}


def match_sources(schema: GraphSchema, config: MatchConfig, statistics: Statistics) -> list[MatchSource]:
    """All sources of the records whose events share a namespace with some candidate, histories first.

    A path of two edge sets counts where it ends at items: at those that go with what the user met.

    Args:
      schema: of the records.
      config: has the keys of items.
      statistics: of the training records, numbers of edges and events among them.
    """
    namespaces = {space for keys in candidate_keys(schema, config).values() for space in keys.values()}
    found = [*_histories(schema, config), *_paths(schema, config)]
    return [_scaled(source, schema, statistics) for source in found if namespaces & set(source.keys.values())]


def _scaled(source: MatchSource, schema: GraphSchema, statistics: Statistics) -> MatchSource:
    """The source with the scales of its numbers: a time in milliseconds would drown all flags beside it."""
    if source.history:
        name, features = source.name, schema.node_sets[source.name].features
    else:
        name, features = edge_set_statistics(source.path[-1]), schema.edge_sets[source.path[-1]].features
    numbers = {number: features[number] for number in source.numbers}
    return source.model_copy(update={"scales": edge_number_specs(name, numbers, statistics)})


def _keys(node_set: str, features: Mapping[str, Feature], config: MatchConfig) -> Keys:
    """An id belongs to its node set; a feature that has the name of a node set holds that set's ids."""
    return {ID: node_set, **{name: name for name in config.keys.get(node_set, ()) if name in features}}


def _histories(schema: GraphSchema, config: MatchConfig) -> Iterator[MatchSource]:
    for name, nodes in sorted(schema.history_node_sets.items()):
        keys = _keys(nodes.target, nodes.features, config)
        numbers = _numbers({key: of for key, of in nodes.features.items() if key not in keys})
        yield MatchSource(
            name=name, history=True, target=nodes.target, keys=keys, numbers=numbers, timed=TIME in nodes.features
        )


def _paths(schema: GraphSchema, config: MatchConfig) -> Iterator[MatchSource]:
    users, items = schema.edge_sets[USER_READOUT].source, schema.item_readouts()
    edge_sets = sorted(schema.stored_edge_sets.items())
    for first, of_user in edge_sets:
        if of_user.source != users:
            continue
        yield _path(schema, config, [first], of_user)
        for second, beyond in edge_sets:
            if beyond.source == of_user.target and beyond.source in items and beyond.target in items:
                yield _path(schema, config, [first, second], beyond)


def _path(schema: GraphSchema, config: MatchConfig, path: list[str], last: EdgeSet) -> MatchSource:
    return MatchSource(
        name=".".join(path),
        history=False,
        path=path,
        target=last.target,
        keys=_keys(last.target, schema.node_sets[last.target].features, config),
        numbers=_numbers(last.features),
        timed=last.timed,
    )


def _numbers(features: Mapping[str, Feature]) -> list[str]:
    return [name for name, feature in sorted(features.items()) if is_edge_number(name, feature)]
