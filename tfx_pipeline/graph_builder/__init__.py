"""GraphBuilder: tables -> a graph store."""
