"""A distributed training that can't be is refused before any work, without a traceback and without TensorFlow."""

from pathlib import Path

import pytest

from tfgrec.commands import compare, train

CONFIG = Path(__file__).parents[2] / "configs" / "demo.yaml"


@pytest.mark.parametrize(
    ("command", "overrides", "complaint"),
    [
        (train, ["training.distribution=multi_worker"], "needs the environment variable TF_CONFIG"),
        (compare, ["training.distribution=multi_worker"], "multi_worker is for tfgrec-train, one arm at a time"),
        (train, ["training.replicas=2"], "replicas is for distribution: mirrored, this is none"),
        (train, ["training.distribution=tpu"], "key 'training.distribution'"),
        (train, ["training.mixed_precision=int8"], "key 'training.mixed_precision'"),
    ],
)
def test_what_is_wrong_is_said(
    command: object,
    overrides: list[str],
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    (tmp_path / "data").mkdir()
    arguments = ["--config", str(CONFIG), "--data", str(tmp_path / "data"), "--run-dir", str(tmp_path / "run")]
    assert command.main([*arguments, "--set", *overrides]) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
