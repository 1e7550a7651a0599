"""First drafts of schema files and a run's YAML, guessed from tables: each guess is marked, and flags overrule it."""
