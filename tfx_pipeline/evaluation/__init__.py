"""Evaluation in TFX's Evaluator: every task's metrics by slice, for a model and the blessed one before it."""
