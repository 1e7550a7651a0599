"""What `make` runs to set the project up, and a Flink cluster to try it on; uses Python's standard library alone."""
