"""What a run does, in its order: the data's stages, the model's, its evaluation, and comparisons of several runs."""
