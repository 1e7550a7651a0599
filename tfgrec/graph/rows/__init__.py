"""Rows of tables as nodes and edges: for the Beam job, and for events that come after it."""
