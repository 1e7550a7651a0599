"""What `make` runs to set the project up; uses Python's standard library alone."""
