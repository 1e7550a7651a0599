"""Retrieval with a trained model: vectors of all items, queries of a split, metrics, and the exported index.

Start at `run_retrieval.RunRetrieval`; docs/retrieval.md says how it is configured. The task that is trained is
`tfgrec.model.retrieval`.
"""
