"""The serving benchmark on a tiny world: it tells what it promises, and leaves the store and its own log alone."""

import json
from pathlib import Path

import pytest
from tiny_world import write_tiny_world

from beam_jobs import build_graph
from benchmarks import serving


@pytest.mark.slow
def test_it_measures_examples_and_events(tmp_path: Path) -> None:
    write_tiny_world(tmp_path)
    given = ["--config", str(tmp_path / "config.yaml"), "--data", str(tmp_path / "data")]
    store = tmp_path / "graph"
    assert build_graph.main([*given, "--output", str(store)]) == 0
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    found = tmp_path / "found.json"
    serving.main([*given, "--graph", str(store), "--requests", "20", "--events", "300", "--json", str(found)])
    told = json.loads(found.read_text())
    assert told["log_events"] == 300 and 0 < told["requests"] <= 20
    measured = {name: told[name] for name in told if "_ms" in name or name.startswith(("append", "log_of"))}
    assert len(measured) == 8 and all(value > 0 for value in measured.values())
    assert told["example_ms_p99"] >= told["example_ms_median"]
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before
    assert not store.with_name("graph.log").exists()
