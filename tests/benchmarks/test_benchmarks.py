"""The benchmarks run, at small sizes, and tell what they promise; how fast anything is, no test asks."""

import json
from pathlib import Path
from typing import Any

import pytest
from absl.flags import FLAGS

from benchmarks import sampler, scale
from tfgrec import files


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


def measure_scale(folder: Path, file: Path, *options: str) -> dict[str, Any]:
    scale.main(["--sizes", "2e4", "--requests", "500", "--folder", str(folder), "--json", str(file), *options])
    return json.loads(file.read_text())


@pytest.mark.slow
def test_scale_tells_what_an_object_store_sends_and_receives(s3_folder: str, tmp_path: Path) -> None:
    written = measure_scale(tmp_path, tmp_path / "scale.json", "--storage", s3_folder)
    (size,) = written["sizes"]
    build, sampling = size["traffic_of_build"], size["traffic_of_sampling"]
    assert written["storage"] == s3_folder and size["requests_per_second"] > 0
    assert (
        build["graph"]["bytes_written"] == sampling["graph"]["bytes_read"] == pytest.approx(size["store_mb"] * 1e6, 5e4)
    )
    assert build["shuffle"]["bytes_read"] == build["shuffle"]["bytes_written"] > 0
    assert sampling["records"]["bytes_written"] > sampling["records"]["bytes_read"] == 0
    assert not files.files_below(s3_folder)


@pytest.mark.slow
def test_scale_writes_every_size(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "scale.json"
    written = measure_scale(tmp_path, file)
    (size,) = written["sizes"]
    assert size["edges"] == 20_000
    assert size["build_seconds"] > 0 and size["requests_per_second"] > 0
    assert 50 < size["peak_rss_mb"] < size["peak_rss_with_mapped_files_mb"]
    assert json.loads(capsys.readouterr().out) == written
