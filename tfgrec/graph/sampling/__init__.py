"""Sampling: the subgraph that each request may see, and what is told of many of them."""
