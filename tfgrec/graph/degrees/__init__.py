"""Temporal degrees: exact counts of the edges of a node or a pair before a request."""
