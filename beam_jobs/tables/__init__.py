"""Tables as Arrow batches: files found and read, cells typed, times read, bad rows kept aside."""
