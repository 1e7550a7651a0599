"""The nodes and edges that a whole input has, counted row by row in plain Python, as docs/your_data.md says."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import documented_cells as docs
from documented_cells import BAD, Cell
from expected_results import (
    Expected,
    Place,
    Row,
    Use,
    check_shares,
    id_reader,
    read_rows,
    refuse_faults,
    text_id,
    timed_rows,
)
from whole_inputs import WholeInput


def expected_graph(world: WholeInput) -> Expected:
    """What beam_jobs.build_graph makes of an input."""
    expected = Expected()
    refuse_faults(world, expected, {"users", "items", "views", "likes", "friends", "plays"})
    set_aside = _nodes(world, expected)
    check_shares(world, expected, ("users", "items"))
    edges = _Edges(world, expected, set_aside)
    edges.read_views()
    edges.read_likes()
    edges.read_friends_and_plays()
    edges.read_items()
    check_shares(world, expected, ("items", "views", "likes", "friends", "plays"))
    return expected


def _nodes(world: WholeInput, expected: Expected) -> set[Place]:
    """Nodes; the rows that name an item once more."""
    missing, aside = world.missing, set()
    expected.nodes = {"user": {}, "item": {}, "brand": {}, "tag": {}}
    for row in read_rows(world, expected, "users", "user_id", "age", "level", "city"):
        use = Use(expected, row)
        user = use.read("user_id", id_reader(world, "user"))
        features = {
            "age": use.read("age", docs.number, missing.get("age")),
            "level": use.read("level", docs.whole, missing.get("level")),
            "city": use.read("city", docs.text, missing.get("city")),
        }
        _add(use, expected.nodes["user"], user, features, "user_id")
    for row in read_rows(world, expected, "items", "item_id", "price", "tags", "brand"):
        use = Use(expected, row)
        item = use.read("item_id", id_reader(world, "item"))
        price = use.read("price", docs.number, missing.get("price"))
        tags = use.several("tags", docs.text) or [missing[name] for name in missing if name == "tags"]
        if _add(use, expected.nodes["item"], item, {"price": price, "tags": tags}, "item_id"):
            aside.add(row.place)
        of_brand, of_tag = Use(expected, row), Use(expected, row)
        brand = of_brand.read("brand", text_id)
        if of_brand.good:
            expected.nodes["brand"][brand] = {}
        tags = of_tag.several("tags", text_id)
        if of_tag.good:
            expected.nodes["tag"].update(dict.fromkeys(tags, {}))
    return aside


def _add(use: Use, nodes: dict, raw: Any, features: dict[str, Any], column: str) -> bool:
    """Adds a node that a good row names; whether the row names an id once more."""
    again = use.good and raw in nodes
    if again:
        use.reject(column)
    elif use.good:
        nodes[raw] = features
    return again


class _Edges:
    """Reads rows as edges."""

    def __init__(self, world: WholeInput, expected: Expected, set_aside: set[Place]) -> None:
        self._world, self._expected, self._set_aside = world, expected, set_aside
        self._users, self._items = id_reader(world, "user"), id_reader(world, "item")
        names = ("viewed", "bought_by", "liked", "friend", "played", "of_brand", "has_tag")
        self.edges = expected.edges = {name: Counter() for name in names}

    def read_views(self) -> None:
        """viewed, viewed_by and bought_by."""
        let_through = []
        for row, at in timed_rows(self._world, self._expected, "views", "user_id", "item_id", "bought", "stars"):
            viewed, bought = Use(self._expected, row), Use(self._expected, row)
            ends, stars = (self._user(viewed), self._item(viewed)), viewed.read("stars", docs.number)
            if viewed.good:
                self.edges["viewed"][(*ends, at, stars)] += 1
            let_through.append(_lets_through(bought, row, "bought", self._world))
            if let_through[-1]:
                ends = self._item(bought), self._user(bought)
                if bought.good:
                    self.edges["bought_by"][(*ends, at, None)] += 1
        self._refuse_nothing("bought_by", "views", "bought", let_through)
        viewed = self.edges["viewed"].items()
        self.edges["viewed_by"] = Counter({(target, source, *rest): n for (source, target, *rest), n in viewed})

    def read_likes(self) -> None:
        """liked."""
        let_through = []
        for row, at in timed_rows(self._world, self._expected, "likes", "user_id", "item_id", "state", "strength"):
            use = Use(self._expected, row)
            let_through.append(_lets_through(use, row, "state", self._world))
            if let_through[-1]:
                ends, strength = (self._user(use), self._item(use)), use.read("strength", docs.whole)
                if use.good:
                    self.edges["liked"][(*ends, at, strength)] += 1
        self._refuse_nothing("liked", "likes", "state", let_through)

    def read_friends_and_plays(self) -> None:
        """friend, whose targets are several, and played, dated back."""
        for row in read_rows(self._world, self._expected, "friends", "a", "b"):
            use = Use(self._expected, row)
            source, targets = self._user(use, "a"), use.several("b", self._users)
            self._know_all(use, "b", "user", targets)
            if use.good:
                self.edges["friend"].update((source, target, None, None) for target in targets)
        for row, at in _counted_back(self._world, self._expected):
            use = Use(self._expected, row)
            ends = self._user(use), self._item(use)
            if use.good:
                self.edges["played"][(*ends, at, None)] += 1

    def read_items(self) -> None:
        """of_brand and has_tag: nothing of a row that names an item once more."""
        for row in read_rows(self._world, self._expected, "items", "item_id", "brand", "tags"):
            if row.place in self._set_aside:
                continue
            of_brand, of_tag = Use(self._expected, row), Use(self._expected, row)
            ends = self._item(of_brand), self._known(of_brand, "brand", "brand", text_id)
            if of_brand.good:
                self.edges["of_brand"][(*ends, None, None)] += 1
            item, tags = self._item(of_tag), of_tag.several("tags", text_id)
            self._know_all(of_tag, "tags", "tag", tags)
            if of_tag.good:
                self.edges["has_tag"].update((item, tag, None, None) for tag in tags)

    def _user(self, use: Use, column: str = "user_id") -> Any:
        return self._known(use, column, "user", self._users)

    def _item(self, use: Use) -> Any:
        return self._known(use, "item_id", "item", self._items)

    def _known(self, use: Use, column: str, node_set: str, read: Callable[[Cell], Any]) -> Any:
        found = use.read(column, read)
        if found is not None:
            self._know_all(use, column, node_set, [found])
        return found

    def _know_all(self, use: Use, column: str, node_set: str, ids: list[Any]) -> None:
        if not set(ids) <= self._expected.nodes[node_set].keys():
            use.reject(column)

    def _refuse_nothing(self, edge_set: str, table: str, column: str, let_through: list[bool]) -> None:
        if let_through and not any(let_through):
            self._expected.refusals.append((f"edge_sets.{edge_set}: where", f"'{table}'", f"'{column}'"))


def _lets_through(use: Use, row: Row, column: str, world: WholeInput) -> bool:
    cell, wanted = row.cell(column), world.where[column]
    found = [docs.equals(cell, value) for value in wanted]
    if BAD in found:
        use.reject(column)
    return True in found


def _counted_back(world: WholeInput, expected: Expected) -> list[tuple[Row, int]]:
    groups: dict[str, list] = {}
    for row, at in timed_rows(world, expected, "plays", "user_id", "item_id", "position"):
        use = Use(expected, row)
        position, group = use.read("position", docs.exact_number), use.read("user_id", text_id)
        if use.good:
            groups.setdefault(group, []).append((position, row, at))
    step, dated = world.step_seconds * 1_000, []
    for rows in groups.values():
        # Files and rows lie in order already.
        rows.sort(key=lambda of: of[0])
        last = rows[-1][2]
        dated += [(row, last - step * back) for back, (_, row, _) in enumerate(reversed(rows))]
    return dated
