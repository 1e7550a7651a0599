"""The candidate match: each candidate against what its own user met, by vectors that both sides share."""
