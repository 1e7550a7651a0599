"""What a run of the pipeline leaves for people: self-contained HTML pages."""
