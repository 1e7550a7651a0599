"""Where a sampling job's time goes, by Python's profiler."""

import cProfile
import pstats
from pathlib import Path

from benchmarks.synthetic_graph import SyntheticGraph
from benchmarks.timed_job import timed_sampling

# Functions that do not call one another; what none of them takes is Beam and the job around it.
_PARTS = {
    "reading the log": ("beam_jobs/tables/table_batches.py", "read_part"),
    "looking requests up": ("beam_jobs/records/request_rows.py", "process"),
    "sampling": ("tfgrec/graph/sampling/subgraphs.py", "sample_subgraphs"),
    "computed features": ("tfgrec/graph/computed/computed_features.py", "count"),
    "gathering features": ("tfgrec/graph/examples/encoding.py", "to_ragged_columns"),
    "encoding": ("tfgrec/graph/examples/example_wire.py", "encode_examples"),
    "checksums of records": ("beam_jobs/tfrecords/tfrecord_shards.py", "_framed"),
}
_REST = "Beam and the rest"


def share_of_parts(graph: SyntheticGraph, store: Path, examples: Path) -> dict[str, float]:
    """The share of each part in the time of one job, which sum to 1. Profiling slows Python, not NumPy."""
    profile = cProfile.Profile()
    profile.enable()
    timed_sampling(graph.config, graph.data, store, examples)
    profile.disable()
    statistics = pstats.Stats(profile)
    seconds = {part: _cumulative_seconds(statistics, *function) for part, function in _PARTS.items()}
    seconds[_REST] = statistics.total_tt - sum(seconds.values())
    return {part: round(of_part / statistics.total_tt, 3) for part, of_part in seconds.items()}


def _cumulative_seconds(statistics: pstats.Stats, file: str, name: str) -> float:
    found = [
        cumulative
        for (path, _, function), (_, _, _, cumulative, _) in statistics.stats.items()
        if path.endswith(file) and function == name
    ]
    if not found:
        raise RuntimeError(f"{file}: {name} was not called: benchmarks/sampling_time.py names functions of the job")
    return sum(found)
