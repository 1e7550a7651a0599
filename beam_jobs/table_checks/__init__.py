"""Tables looked at before a build: files found, a sample of rows read as the build reads them."""
