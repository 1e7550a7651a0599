"""Retrieval beside ranking: two towers on the encoder's states, their loss, vectors of all items, index and metrics.

Start at `retrieval_task.RetrievalTask`; docs/retrieval.md says how it is configured.
"""
