"""What a run of the pipeline starts from: arguments, configuration, days and tables, and what components are told."""
