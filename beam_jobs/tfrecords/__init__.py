"""TFRecord files and the tf.Examples in them: written and read alike for records and for tables."""
