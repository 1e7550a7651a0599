"""Requests as TFRecord shards of sampled subgraphs, and their audit."""
