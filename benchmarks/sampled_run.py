"""The graph and the records that a benchmark reads, made once in a folder."""

import os
import time
from pathlib import Path

from tfgrec.config import RunConfig, dump_config
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.stage_log import run_module

# Three of KuaiRand's nine days of training: enough requests, in a third of the time.
FEWER_DAYS = ("split.train=[20220502, 20220504]", "split.validation=[20220505, 20220505]")


def sampled_run(name: str, config: RunConfig, *, data: Path, folder: Path) -> tuple[RunDirectory, float | None]:
    """A run's graph and examples, and the seconds that sampling took; None where they were there already.

    Runs in one folder share the graph.
    """
    run, graph = RunDirectory.at(folder / name), folder / "graph"
    common = ["--config", str(run.config), "--data", str(data)]
    if (run.examples / "manifest.json").exists():
        return run, None
    run.root.mkdir(parents=True, exist_ok=True)
    dump_config(config, run.config)
    if not (graph / "manifest.json").exists():
        run_module("beam_jobs.build_graph", *common, "--output", str(graph))
    if not run.graph.exists():
        os.symlink(graph.resolve(), run.graph)
    started = time.perf_counter()
    run_module("beam_jobs.sample_subgraphs", *common, "--graph", str(graph), "--output", str(run.examples))
    return run, time.perf_counter() - started
