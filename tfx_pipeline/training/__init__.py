"""Training as a TFX component: the run_fn of TFX's Trainer, and what its Model artifacts hold."""
