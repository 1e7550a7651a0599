"""tfgrec as a TFX pipeline: sampled subgraphs in; statistics, validation, training, evaluation, blessing and push."""
