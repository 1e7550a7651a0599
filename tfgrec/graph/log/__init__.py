"""Events that came after a graph store was built: kept in a log beside it, and seen as one graph with it."""
