"""A run that is measured again may be read whole before."""

from collections.abc import Callable
from pathlib import Path

import pytest
import small_records

from tfgrec.errors import GraphStoreError, InputDataError
from tfgrec.stages import run_evaluation
from tfgrec.stages.run_evaluation import evaluate_into


@pytest.mark.parametrize(
    ("pattern", "error"), [("examples/train/*", InputDataError), ("graph/edges/visited/*", GraphStoreError)]
)
def test_what_the_evaluation_does_not_read_is_read_to_verify(
    pattern: str, error: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_records.write_small_run(tmp_path / "run", train_requests=10, validation_requests=5)
    evaluated: list[str] = []
    monkeypatch.setattr(run_evaluation, "evaluate_run", noting(evaluated))
    damaged = sorted(run.glob(pattern))[0]
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    evaluate_into(run)
    assert evaluated == ["validation"]
    with pytest.raises(error, match=f"{damaged}: is damaged, its checksum is not the manifest's"):
        evaluate_into(run, verify=True)
    damaged.write_bytes(content)
    evaluate_into(run, verify=True)
    assert evaluated == ["validation", "validation"]


def noting(evaluated: list[str]) -> Callable[..., None]:
    return lambda run, output, *, part: evaluated.append(part)
