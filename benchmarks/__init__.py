"""Ratios against a peer or a limit, measured side by side: `python -m benchmarks.<name> --json FILE`."""
