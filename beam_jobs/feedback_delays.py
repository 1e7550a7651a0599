"""How long after its time an edge becomes visible."""

from tfgrec.config import TablesConfig


def feedback_delays(tables: TablesConfig) -> dict[str, int]:
    """Milliseconds by edge set. A reverse shows the same outcomes, so it has at least the delay of its edge set."""
    seconds = {
        name: max(of.feedback_delay_seconds, tables.edge_sets[of.reverse_of or name].feedback_delay_seconds)
        for name, of in tables.edge_sets.items()
    }
    return {name: round(delay * 1_000) for name, delay in seconds.items()}
