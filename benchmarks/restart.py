"""What a finished run costs that is started again: python -m benchmarks.restart --json FILE (some five minutes)."""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measured_process import run_measured
from benchmarks.results import benchmark_parser, tell
from tfgrec.files import files_below
from tfgrec.run.run_directory import RunDirectory

_CONFIG = Path(__file__).parents[1] / "configs" / "demo.yaml"
# How much more of everything the second run has.
_TIMES = (1, 10)
_TRIES = 3
_SMALL = (
    "split.train=[1, 3]",
    "split.validation=[4, 4]",
    "build.shards=2",
    "sampling.output_shards=2",
    "model.encoder={rounds: 1, units: 16, message_units: 16}",
    "model.towers={bottom_units: [16], task_units: [8], cross_layers: 1}",
    "model.balancing={method: fixed}",
    "training.epochs=1",
    "training.diagnostics_every_steps=100000",
)


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = benchmark_parser("restart", "Seconds and bytes of a finished run that is started again, by its size.")
    parser.add_argument("--impressions", type=int, default=10_000, metavar="N", help="of the smaller run's world")
    parser.add_argument("--folder", type=Path, help="where tables and runs are written meanwhile")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        sizes = [measure(args.impressions, times, Path(folder) / str(times)) for times in _TIMES]
    tell({"sizes": sizes, **_compared(sizes)}, args.json)


def measure(impressions: int, times: int, folder: Path) -> dict[str, Any]:
    """A run on a world of `impressions` for each of `times`, made once and started again with and without --verify."""
    data, run = folder / "data", folder / "run"
    world = {"users": 120 * times, "impressions": impressions * times, "days": 6}
    run_measured(
        "tfgrec.commands.simulate", "--output", str(data), *(f"--{name}={value}" for name, value in world.items())
    )
    arguments = ("--config", str(_CONFIG), "--data", str(data), "--run-dir", str(run), "--set", *_SMALL)
    run_measured("tfgrec.commands.train", *arguments)
    starts = [_started_again(arguments) for _ in range(_TRIES)]
    verified = _started_again((*arguments, "--verify"))
    manifest = json.loads((run / "examples" / "manifest.json").read_text())
    return {
        "requests": sum(split["num_requests"] for split in manifest["splits"].values()),
        "bytes": {
            "graph": _bytes(RunDirectory.at(run).graph),
            "records": _bytes(RunDirectory.at(run).examples),
            "tables": _bytes(data),
        },
        "seconds": statistics.median(start["seconds"] for start in starts),
        "read_bytes": min(start["read_bytes"] for start in starts),
        "verify": verified,
    }


def _started_again(arguments: Sequence[str]) -> dict[str, Any]:
    started = time.perf_counter()
    printed = run_measured("benchmarks.bytes_read", "tfgrec.commands.train", *arguments).output
    return {"seconds": time.perf_counter() - started, "read_bytes": int(printed.splitlines()[-1])}


def _bytes(folder: Path) -> int:
    return sum(file.bytes for file in files_below(folder).values())


def _compared(sizes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first, last = sizes[0], sizes[-1]
    return {
        "seconds_ratio": last["seconds"] / first["seconds"],
        "read_bytes_more": last["read_bytes"] - first["read_bytes"],
        "bytes_more": sum(last["bytes"].values()) - sum(first["bytes"].values()),
    }


if __name__ == "__main__":
    sys.exit(main())
