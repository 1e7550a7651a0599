"""Building and sampling at growing sizes: python -m benchmarks.scale --json FILE (some five minutes)."""

import contextlib
import json
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measured_process import Measured, run_measured
from benchmarks.results import benchmark_parser, tell
from benchmarks.synthetic_graph import write_synthetic_graph
from tfgrec import files

_SIZES = (10**5, 10**6, 10**7, 10**8)
_EVENTS_PER_SHARD = 1_500_000
_TRIES = 2
_LOCAL = "local"


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = benchmark_parser("scale", "Build time, sampling rate and memory by the number of edges.")
    parser.add_argument("--sizes", nargs="+", type=_count, default=_SIZES, metavar="EDGES", help="for example 1e5 1e8")
    parser.add_argument("--requests", type=_count, default=100_000, metavar="N", help="requests sampled at each size")
    parser.add_argument("--folder", type=Path, help="where graphs are written meanwhile")
    parser.add_argument(
        "--storage",
        default=_LOCAL,
        metavar="URL",
        help="a folder of an object store that holds tables, graph, shuffle and records, such as s3://bucket/folder",
    )
    args = parser.parse_args(argv)
    sizes = []
    for size in args.sizes:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder, _place(args.storage, folder) as place:
            sizes.append(measure(size, args.requests, Path(folder), place))
        print(sizes[-1], file=sys.stderr)
    tell({"storage": args.storage, "sizes": sizes, **_compared(sizes)}, args.json)


@contextlib.contextmanager
def _place(storage: str, folder: str) -> Iterator[str]:
    """Where a size's data lies: its local folder, or one on the object store that is removed at the end."""
    if storage == _LOCAL:
        yield folder
        return
    place = files.join(storage, f"scale-{uuid.uuid4().hex[:8]}")
    try:
        yield place
    finally:
        files.delete(place)


def measure(num_edges: int, num_requests: int, folder: Path, place: str) -> dict[str, Any]:
    """One size: half of the edges are events, half their reverse; requests carry temporal degrees, edges a delay.

    Tables are made in `folder`, and read, as all else is, from `place`. Seconds and rates leave Python's imports aside
    and take in all else; sampling is the better of two runs.
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
    data, store, examples = (files.join(place, name) for name in ("data", "store", "examples"))
    if not files.is_local(place):
        _send(graph.data, data)
    inputs = [str(graph.config), str(graph.data) if files.is_local(place) else data, store]
    # The first run of sampling fetches the store into the machine's cache; the second finds it there.
    cache = {"TFGREC_CACHE_DIR": str(folder / "cache")}
    build = run_measured("benchmarks.timed_job", "build", *inputs, environment=cache)
    runs = [run_measured("benchmarks.timed_job", "sample", *inputs, examples, environment=cache) for _ in range(_TRIES)]
    build_seconds, sampling_seconds = _seconds(build), [_seconds(run) for run in runs]
    files.delete(examples)
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
        "store_mb": round(_bytes_of_shards(store) / 1e6, 1),
        "traffic_of_build": build_seconds["traffic"],
        "traffic_of_sampling": sampling_seconds[0]["traffic"],
    }


def _send(folder: Path, url: str) -> None:
    for path in files.files_below(folder):
        files.send(path, files.join(url, Path(path).relative_to(folder).as_posix()))


def _bytes_of_shards(store: str) -> int:
    return sum(file.bytes for path, file in files.files_below(store).items() if path.endswith(".arrow"))


def _compared(sizes: list[dict[str, Any]]) -> dict[str, float]:
    """The largest size against the smallest: 1 is as fast an edge, or a request."""
    first, last = sizes[0], sizes[-1]
    return {
        "sampling_speed_ratio": round(last["requests_per_second"] / first["requests_per_second"], 3),
        "build_speed_ratio": round(last["edges_built_per_second"] / first["edges_built_per_second"], 3),
    }


def _seconds(job: Measured) -> dict[str, Any]:
    return json.loads(job.output.splitlines()[-1])


def _count(text: str) -> int:
    return int(float(text))


if __name__ == "__main__":
    sys.exit(main())
