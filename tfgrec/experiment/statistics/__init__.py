"""What an experiment's numbers mean: differences of arms with intervals, users being the units."""
