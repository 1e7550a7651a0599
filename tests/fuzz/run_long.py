"""Tries whole inputs until so many tables are through: python tests/fuzz/run_long.py --tables 10000 (make fuzz)."""

import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
# As in tests/conftest.py, before anything imports TensorFlow or NumPy.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tfgrec  # noqa: E402, F401, I001  (before TensorFlow)
from checked_input import check_input  # noqa: E402
from whole_inputs import WholeInput, try_inputs  # noqa: E402


class Fuzz:
    """Counts what was tried; keeps the folder of each input that failed."""

    def __init__(self, kept: Path) -> None:
        self._kept = kept
        self._begin = time.time()
        self.tables = 0
        self.results: Counter = Counter()

    def run_seed(self, seed: int) -> None:
        """Tries the inputs of one seed; the next failure of the same seed is found once the first is mended."""
        try_inputs(seed, lambda world: self._check(world, seed))

    def told(self, seed: int) -> str:
        """Where the run stands."""
        results = ", ".join(f"{count:,} {result}" for result, count in sorted(self.results.items()))
        seconds = f"{time.time() - self._begin:,.0f} s ({time.process_time():,.0f} s of a processor)"
        return f"seed {seed}: {self.tables:,} tables in {seconds}: {results}"

    def _check(self, world: WholeInput, seed: int) -> None:
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        try:
            result = check_input(world, folder / "input")
        except Exception:
            result = "failed"
            failed = self._kept / f"seed-{seed}-input-{sum(self.results.values())}"
            shutil.copytree(folder / "input", failed, symlinks=True)
            print(f"FAILED: {failed}: again by --seed {seed} --seeds 1\n{traceback.format_exc(limit=-4)}", flush=True)
        self.results[result] += 1
        self.tables += len(world.tables)
        shutil.rmtree(folder)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=10_000, metavar="N", help="how many tables to try")
    parser.add_argument("--seed", type=int, default=1_000, metavar="N", help="the first seed")
    parser.add_argument("--seeds", type=int, metavar="N", help="how many seeds at most")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where inputs that failed are kept")
    args = parser.parse_args()
    fuzz = Fuzz(args.keep or Path(tempfile.mkdtemp(prefix="fuzz-failed-")))
    seed = args.seed
    while fuzz.tables < args.tables and (args.seeds is None or seed < args.seed + args.seeds):
        fuzz.run_seed(seed)
        print(fuzz.told(seed), flush=True)
        seed += 1
    return 1 if fuzz.results["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
