"""Rows as shards of a graph store: nodes, edges, derived edges, and days added to an earlier store."""
