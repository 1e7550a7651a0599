"""What ranking reads of a candidate, the ranker's own fields and the encoder's states, and how they are fused."""
