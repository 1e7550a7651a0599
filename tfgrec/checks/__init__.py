"""What is wrong with a configuration and its tables, told before anything is built."""
