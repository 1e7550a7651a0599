"""A request's subgraph as a picture: its user at the left, a column a hop, the candidates ringed."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from tfgrec.graph.schema import ID, READOUT, USER_READOUT
from tfgrec.report.style import REFERENCE, colours_of

if TYPE_CHECKING:
    import tensorflow_gnn as tfgnn

Node = tuple[str, int]
"""A node set, and a position in it."""
Edge = tuple[str, Node, Node]
"""An edge set, source and target."""

_COLUMN, _ROW, _MARGIN, _RADIUS = 190, 24, 40, 7


@dataclasses.dataclass(frozen=True)
class Drawing:
    """An SVG picture, which notebooks show."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg


def draw_graph(graph: "tfgnn.GraphTensor") -> Drawing:
    """Draws one request as `LoadedRun.records` gives it: a scalar GraphTensor of one component.

    Nodes stand in columns by their distance from the user over sampled edges; candidates without any stand in the last
    one. Histories, which have no edges, are left out. Pointing at a node or an edge tells what it is.
    """
    edges, candidates = list(_edges(graph)), set(_candidates(graph))
    [user] = graph.edge_sets[USER_READOUT].adjacency.source.numpy()[:1]
    root = (graph.edge_sets[USER_READOUT].adjacency.source_name, int(user))
    columns = _columns(root, edges, candidates)
    places = {
        node: (_MARGIN + column * _COLUMN, _MARGIN + (row + 0.5 + _indent(columns, column)) * _ROW)
        for column, nodes in enumerate(columns)
        for row, node in enumerate(nodes)
    }
    names = sorted({name for name, _ in places})
    colours = colours_of(names)
    width = 2 * _MARGIN + (len(columns) - 1) * _COLUMN
    height = 2 * _MARGIN + max(map(len, columns)) * _ROW
    parts = [_line(edge, places) for edge in edges]
    parts += [_circle(graph, node, place, colours[node[0]], node in candidates) for node, place in places.items()]
    parts += _legend(colours, height)
    size = f'viewBox="0 0 {max(width, 110 * len(names) + _MARGIN)} {height + 34}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    return Drawing("\n".join([head, *parts, "</svg>\n"]))


def _edges(graph: "tfgnn.GraphTensor") -> Iterator[Edge]:
    for name, edge_set in graph.edge_sets.items():
        adjacency = edge_set.adjacency
        if adjacency.target_name != READOUT:
            pairs = zip(adjacency.source.numpy().tolist(), adjacency.target.numpy().tolist(), strict=True)
            for source, target in pairs:
                yield name, (adjacency.source_name, source), (adjacency.target_name, target)


def _candidates(graph: "tfgnn.GraphTensor") -> Iterator[Node]:
    for name, edge_set in graph.edge_sets.items():
        if edge_set.adjacency.target_name == READOUT and name != USER_READOUT:
            yield from ((edge_set.adjacency.source_name, node) for node in edge_set.adjacency.source.numpy().tolist())


def _columns(root: Node, edges: list[Edge], candidates: set[Node]) -> list[list[Node]]:
    """The nodes by their distance from the root, each beside the ones that it was reached from."""
    neighbours = defaultdict(dict)
    for _, source, target in edges:
        neighbours[source][target] = neighbours[target][source] = None
    columns, seen = [[root]], {root}
    while columns[-1]:
        found = [node for reached in columns[-1] for node in neighbours[reached] if node not in seen]
        columns.append(list(dict.fromkeys(found)))
        seen.update(found)
    # Candidates that the graph does not tie to the user, and what only they lead to.
    apart = [node for node in sorted(candidates) if node not in seen]
    apart += [node for node in neighbours if node not in seen and node not in candidates]
    return [column for column in [*columns[:-1], apart] if column]


def _indent(columns: list[list[Node]], column: int) -> float:
    """The rows that a shorter column is moved down by."""
    return (max(map(len, columns)) - len(columns[column])) / 2


def _line(edge: Edge, places: dict[Node, tuple[float, float]]) -> str:
    name, source, target = edge
    (x, y), (to_x, to_y) = places[source], places[target]
    # Within a column an edge is bent, not to run through what stands between.
    bend = _COLUMN / 4 if x == to_x else 0
    path = f"M{x:g} {y:g}Q{(x + to_x) / 2 + bend:g} {(y + to_y) / 2:g} {to_x:g} {to_y:g}"
    return f'<path d="{path}" fill="none" stroke="{REFERENCE}" opacity=".55"><title>{escape(name)}</title></path>'


def _circle(graph: "tfgnn.GraphTensor", node: Node, place: tuple[float, float], colour: str, is_candidate: bool) -> str:
    name, position = node
    features = graph.node_sets[name].get_features_dict()
    told = f"{name} {_text(features[ID][position].numpy())}" if ID in features else name
    (x, y), ring = place, f' stroke="{REFERENCE}" stroke-width="3"' if is_candidate else ""
    return f'<circle cx="{x:g}" cy="{y:g}" r="{_RADIUS}" fill="{colour}"{ring}><title>{escape(told)}</title></circle>'


def _text(raw: object) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _legend(colours: dict[str, str], height: float) -> Iterator[str]:
    for number, (name, colour) in enumerate(colours.items()):
        x = _MARGIN + number * 110
        yield f'<circle cx="{x}" cy="{height + 12:g}" r="{_RADIUS}" fill="{colour}"/>'
        yield f'<text x="{x + 14}" y="{height + 16:g}" fill="{REFERENCE}">{escape(name)}</text>'
