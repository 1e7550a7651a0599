"""The feature service: from a request as JSON to scores, by HTTP and gRPC."""
