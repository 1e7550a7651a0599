"""SavedModels: what is written of a trained model, asked before it is published, and warmed up with."""
