"""Online experiments: policies serve the users of a world that answers, day by day, and are compared."""
