"""Building and sampling at growing sizes: python -m benchmarks.scale --json FILE (some five minutes)."""

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measured_process import Measured, run_measured
from benchmarks.results import benchmark_parser, tell
from benchmarks.synthetic_graph import write_synthetic_graph

_SIZES = (10**5, 10**6, 10**7, 10**8)
_EVENTS_PER_SHARD = 1_500_000
_TRIES = 2


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = benchmark_parser("scale", "Build time, sampling rate and memory by the number of edges.")
    parser.add_argument("--sizes", nargs="+", type=_count, default=_SIZES, metavar="EDGES", help="for example 1e5 1e8")
    parser.add_argument("--requests", type=_count, default=100_000, metavar="N", help="requests sampled at each size")
    parser.add_argument("--folder", type=Path, help="where graphs are written meanwhile")
    args = parser.parse_args(argv)
    sizes = []
    for size in args.sizes:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            sizes.append(measure(size, args.requests, Path(folder)))
        print(sizes[-1], file=sys.stderr)
    tell({"sizes": sizes, **_compared(sizes)}, args.json)


def measure(num_edges: int, num_requests: int, folder: Path) -> dict[str, Any]:
    """One size: half of the edges are events, half their reverse; requests carry temporal degrees, edges a delay.

    Seconds and rates leave Python's imports aside and take in all else; sampling is the better of two runs.
    """
    num_events = num_edges // 2
    graph = write_synthetic_graph(
        folder,
        num_events=num_events,
        num_requests=num_requests,
        shards=max(4, -(-num_events // _EVENTS_PER_SHARD)),
        strategy="most_recent",
        degrees=True,
    )
    inputs = [str(graph.config), str(graph.data), str(folder / "store")]
    build = run_measured("benchmarks.timed_job", "build", *inputs)
    runs = [run_measured("benchmarks.timed_job", "sample", *inputs, str(folder / "examples")) for _ in range(_TRIES)]
    build_seconds, sampling_seconds = _seconds(build), [_seconds(run) for run in runs]
    shutil.rmtree(folder / "examples")
    return {
        "edges": num_edges,
        "build_seconds": round(build_seconds["wall"], 1),
        "edges_built_per_second": round(num_edges / build_seconds["wall"]),
        "requests_per_second": round(num_requests / min(one["wall"] for one in sampling_seconds), 1),
        "build_processor_seconds": round(build_seconds["processor"], 1),
        "requests_per_processor_second": round(num_requests / min(one["processor"] for one in sampling_seconds), 1),
        "peak_rss_mb": max(run.peak_rss_mb for run in (build, *runs)),
        "peak_rss_mb_of_build": build.peak_rss_mb,
        "peak_rss_with_mapped_files_mb": max(run.peak_rss_with_mapped_files_mb for run in (build, *runs)),
        "store_mb": round(sum(path.stat().st_size for path in (folder / "store").rglob("*.arrow")) / 1e6, 1),
    }


def _compared(sizes: list[dict[str, Any]]) -> dict[str, float]:
    """The largest size against the smallest: 1 is as fast an edge, or a request."""
    first, last = sizes[0], sizes[-1]
    return {
        "sampling_speed_ratio": round(last["requests_per_second"] / first["requests_per_second"], 3),
        "build_speed_ratio": round(last["edges_built_per_second"] / first["edges_built_per_second"], 3),
    }


def _seconds(job: Measured) -> dict[str, float]:
    return json.loads(job.output.splitlines()[-1])


def _count(text: str) -> int:
    return int(float(text))


if __name__ == "__main__":
    sys.exit(main())
