"""What the machine and the Python environment hold, and what has to be mended: the checks behind tfgrec-doctor."""
