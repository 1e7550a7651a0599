"""Edges derived from other edges: co-watch counts and Swing, made anew at intervals."""
