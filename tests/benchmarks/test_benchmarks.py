"""The benchmarks run, at small sizes, and tell what they promise; how fast anything is, no test asks."""

import json
from pathlib import Path

import pytest
from absl.flags import FLAGS

from benchmarks import sampler, scale


@pytest.mark.slow
def test_sampler_times_both_samplers_on_one_graph(tmp_path: Path) -> None:
    flags = set(FLAGS)
    results = sampler.measure(tmp_path, num_events=10_000)
    assert set(FLAGS) == flags, "TFX parses each component's --runner with the flags of the whole process"
    assert results["tfgnn_requests"] * 10 == results["requests"] == 2_000
    assert results["ratio"] == pytest.approx(
        results["requests_per_second"] / results["tfgnn_requests_per_second"], rel=0.02
    )
    assert sum(results["shares"].values()) == pytest.approx(1, abs=0.01)
    assert all(0 <= share < 1 for share in results["shares"].values())


@pytest.mark.slow
def test_scale_writes_every_size(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "scale.json"
    scale.main(["--sizes", "2e4", "--requests", "500", "--folder", str(tmp_path), "--json", str(file)])
    written = json.loads(file.read_text())
    (size,) = written["sizes"]
    assert size["edges"] == 20_000
    assert size["build_seconds"] > 0 and size["requests_per_second"] > 0
    assert 50 < size["peak_rss_mb"] < size["peak_rss_with_mapped_files_mb"]
    assert json.loads(capsys.readouterr().out) == written
