"""Requests as tf.Examples: for the Beam job and for an online service alike."""
