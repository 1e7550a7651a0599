"""Request features that are computed from the graph: what every kind of them offers, and the list of kinds."""
