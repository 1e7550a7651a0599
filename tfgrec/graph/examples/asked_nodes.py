"""The users and items that a batch of requests names, as nodes: those that the graph does not know are its own."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tfgrec.close_match import suggestion
from tfgrec.config.tables import Requests
from tfgrec.errors import InputDataError
from tfgrec.graph.absent_values import ABSENT
from tfgrec.graph.examples.given_cells import UnreadableCells, typed_cells
from tfgrec.graph.examples.told_values import told_value
from tfgrec.graph.schema import ID, Feature
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.unknown_nodes import UnknownNodes

Content = Mapping[str, Any]


class AskedNodes:
    """Dense ids of raw ids. By `requests.unknown` an unknown id is refused, or is a node of its own request.

    Args:
      graph: the graph.
      requests: of tables.yaml.
    """

    def __init__(self, graph: GraphStore, requests: Requests) -> None:
        self._graph, self._scored = graph, requests.unknown == "score"
        # By node set: the number of each request's unknown id among all, and what is said of it.
        self._numbers: dict[str, dict[tuple[int, int | str], int]] = {}
        self._content: dict[str, list[Content]] = {}

    def nodes(
        self,
        node_set: str,
        ids: Sequence[tuple[int, int | str]],
        where: str,
        content: Sequence[Content | None] | None = None,
    ) -> np.ndarray:
        """Dense ids, int64 `[num_ids]`, of raw ids, each beside the number of its request.

        Args:
          node_set: whose ids they are.
          ids: request and raw id.
          where: the request's key that has the content, for errors.
          content: features of each by their names in graph.pbtxt, read where the graph does not know it; of an id that
            comes twice in a request, the first that says anything.

        Raises:
          InputDataError: names the request.
        """
        dtype = self._graph.schema.node_sets[node_set].features[ID].dtype
        fits = _is_int64 if dtype == "int64" else _is_text
        for number, raw in ids:
            if not fits(raw):
                raise InputDataError(
                    f"request {number}: {node_set}: expected an id of {dtype}, received {told_value(raw)}"
                )
        if content is not None:
            self._check_names(node_set, ids, where, content)
        nodes = self._graph.lookup(node_set, [raw for _, raw in ids])
        for place in np.flatnonzero(nodes < 0).tolist():
            number, raw = ids[place]
            if not self._scored:
                raise InputDataError(f"request {number}: {node_set} {told_value(raw)} is not in the graph")
            nodes[place] = self._graph.num_nodes(node_set) + self._number(
                node_set, (number, raw), (content and content[place]) or {}
            )
        return nodes

    def unknown(self) -> dict[str, UnknownNodes]:
        """The unknown nodes by node set, as RequestBatch takes them.

        Raises:
          InputDataError: what is said of one can't be read as the feature.
        """
        return {node_set: self._unknown(node_set, numbers) for node_set, numbers in self._numbers.items()}

    def _number(self, node_set: str, key: tuple[int, int | str], content: Content) -> int:
        numbers, contents = self._numbers.setdefault(node_set, {}), self._content.setdefault(node_set, [])
        if key not in numbers:
            numbers[key] = len(contents)
            contents.append(content)
        elif not contents[numbers[key]]:
            contents[numbers[key]] = content
        return numbers[key]

    def _unknown(self, node_set: str, numbers: Mapping[tuple[int, int | str], int]) -> UnknownNodes:
        declared, contents = self._graph.schema.node_sets[node_set], self._content[node_set]
        given = {
            name: _column(name, declared.features[name], [key[0] for key in numbers], contents)
            for name in {name for content in contents for name in content}
        }
        return UnknownNodes.of_ids([raw for _, raw in numbers], declared, given)

    def _check_names(
        self, node_set: str, ids: Sequence[tuple[int, int | str]], where: str, content: Sequence[Content | None]
    ) -> None:
        known = self._graph.schema.node_sets[node_set].features.keys() - {ID}
        for (number, _), given in zip(ids, content, strict=True):
            if not isinstance(given, Mapping | None):
                raise InputDataError(f"request {number}: {where}: expected features by name, received {given!r}")
            for name in given or ():
                if name not in known:
                    hint = suggestion(name, known) if known else "it has none"
                    raise InputDataError(f"request {number}: {where}: no feature '{name}' of '{node_set}': {hint}")


def _column(name: str, feature: Feature, numbers: Sequence[int], contents: Sequence[Content]) -> pa.Array:
    absent = None if feature.multi_valued else ABSENT[feature.dtype]
    cells = [content.get(name) for content in contents]
    cells = [[] if cell is None else cell for cell in cells] if feature.multi_valued else cells
    try:
        return typed_cells(cells, feature, absent)
    except UnreadableCells:
        for number, cell in zip(numbers, cells, strict=True):
            try:
                typed_cells([cell], feature, absent)
            except UnreadableCells as error:
                raise InputDataError(f"request {number}: '{name}': {error}, received {told_value(cell)}") from None
        raise


def is_whole(value: Any) -> bool:
    """Whether a value is an integer, and no truth value."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_int64(value: Any) -> bool:
    return is_whole(value) and -(1 << 63) <= value < 1 << 63


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
