"""TFX packs itself for workers elsewhere alone."""

import tempfile
from pathlib import Path

import apache_beam as beam
import pytest
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor

from tfgrec.errors import ConfigurationError
from tfx_pipeline.beam_options import DIRECT_RUNNER, without_package
from tfx_pipeline.pipeline import _set_beam_options


class Executor(BaseBeamExecutor):
    def Do(self, input_dict: dict, output_dict: dict, exec_properties: dict) -> None:
        with self._make_beam_pipeline() as pipeline:
            pipeline | beam.Create([3, 6]) | beam.io.WriteToText(exec_properties["path"])


def test_options_with_credentials_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="^options for Beam: --s3_secret_access_key: credentials"):
        _set_beam_options([], {"default": ["--runner=SparkRunner", "--s3_secret_access_key=wJalrX"]})


@pytest.mark.parametrize(
    "options",
    [
        [f"--runner={DIRECT_RUNNER}"],
        ["--runner=DirectRunner"],
    ],
)
def test_nothing_is_packed_for_workers_here(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    context = BaseBeamExecutor.Context(beam_pipeline_args=without_package(options))
    Executor(context).Do({}, {}, {"path": str(tmp_path / "numbers")})
    written = [line for path in tmp_path.glob("numbers-*") for line in path.read_text().split()]
    assert sorted(written) == ["3", "6"]
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--runner=PortableRunner", "--job_endpoint=127.0.0.1:5"],
        ["--runner=DataflowRunner", "--region=r"],
        [f"--runner={DIRECT_RUNNER}", "--setup_file=setup.py"],
        ["--extra_package=a.tar.gz"],
    ],
)
def test_options_of_other_workers_stay_as_they_are(options: list[str]) -> None:
    assert without_package(options) == options
