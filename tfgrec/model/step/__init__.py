"""What a training step is made of: gradients, the update, and parts compiled by XLA."""
