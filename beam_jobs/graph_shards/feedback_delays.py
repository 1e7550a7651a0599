"""How long after its time an edge becomes visible."""

from collections.abc import Iterator

from tfgrec.config import TablesConfig


def feedback_delays(tables: TablesConfig) -> dict[str, int]:
    """Milliseconds by edge set: at least those of the edge sets whose outcomes it shows.

    These are the one that it is the reverse of, or those that it is derived from.
    """
    return {
        name: round(max(tables.edge_sets[of].feedback_delay_seconds for of in _outcomes(name, tables)) * 1_000)
        for name in tables.edge_sets
    }


def _outcomes(name: str, tables: TablesConfig) -> Iterator[str]:
    """The edge set itself, and those whose outcomes it shows."""
    derived = tables.edge_sets[name].derived
    for shown in (name, *(derived.base if derived else ())):
        yield shown
        yield tables.edge_sets[shown].reverse_of or shown
