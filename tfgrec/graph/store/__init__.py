"""The graph on disk: written shard by shard, memory-mapped, looked up by raw and dense ids."""
