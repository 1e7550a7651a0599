"""Rows as shards of a graph store: nodes, edges and derived edges."""
