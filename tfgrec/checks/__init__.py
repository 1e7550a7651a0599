"""What refuses early: all that is told of a configuration, its tables and its labels before hours of work are begun.

Nothing here needs TensorFlow.
"""
