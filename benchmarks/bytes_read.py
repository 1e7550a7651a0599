"""Runs a module, and prints last how many bytes its process has read by calls of the system: mapped files aside.

python -m benchmarks.bytes_read MODULE ARGUMENTS
"""

import runpy
import sys
from pathlib import Path


def main() -> None:
    """The command."""
    sys.argv = sys.argv[1:]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code:
            raise
    counters = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    print(counters["rchar"])


if __name__ == "__main__":
    main()
