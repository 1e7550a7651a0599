"""A new day for an earlier graph store: what it has not taken in, and how that is merged with what it holds."""
