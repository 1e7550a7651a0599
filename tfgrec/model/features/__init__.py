"""Raw features of nodes and candidates as vectors: specs, embeddings, numbers, times, rates."""
