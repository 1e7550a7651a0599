"""The graph feature auto-encoder (GFAE): what it rebuilds, and its decoders."""
