"""Weights of the losses: fixed, GradNorm's, or learned variances'."""
