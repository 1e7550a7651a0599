"""From fused fields to the tasks' logits, losses and predictions."""
