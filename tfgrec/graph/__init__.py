"""The graph: its schema, its store, and the sampling of requests from it; needs neither TensorFlow nor Beam."""
