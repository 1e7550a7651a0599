"""Retrieval as a task of the model: two towers on its fields, and the softmax over the items of a batch.

Start at `retrieval_task.RetrievalTask`.
"""
