"""Beam jobs: tables to a graph store, requests to sampled GraphTensors in TFRecords, and the audit of those."""

import warnings

# Beam imports Google's client libraries, which warn of Python versions that are theirs to drop and not ours.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.api_core")
