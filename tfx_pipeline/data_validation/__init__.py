"""What stops a day's examples before a model learns from them: their schema, and how far they lie from the others."""
