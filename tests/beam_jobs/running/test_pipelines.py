"""What is refused before any pipeline begins."""

from pathlib import Path

import pytest

from beam_jobs.running.pipelines import run_pipeline
from tfgrec.errors import ConfigurationError


@pytest.mark.parametrize("option", ["--s3_secret_access_key=wJalrX", "--temp_location=s3://AKIA:wJalrX@bucket/a"])
def test_options_with_credentials(option: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="^options for Beam: .*credentials don't belong into ") as raised:
        run_pipeline(None, str(tmp_path / "facts.json"), ["--runner=FlinkRunner", option])
    assert "wJalrX" not in str(raised.value) and not list(tmp_path.iterdir())
