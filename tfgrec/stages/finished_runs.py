"""Finished runs compared where they are: nothing is trained, and nothing of theirs is written."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfgrec.close_match import suggestion
from tfgrec.errors import ConfigurationError
from tfgrec.run.claim import claimed
from tfgrec.run.far_files import fetch_to_read
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages.comparison_files import write_comparison

if TYPE_CHECKING:
    from tfgrec.report import ArmComparison


def compare_finished(
    runs: Mapping[str, Sequence[Path]], *, root: Path, baseline: str | None = None, part: str = "validation"
) -> "ArmComparison":
    """Compares runs that `tfgrec-train` or `tfgrec-compare` has finished; writes comparison.json and comparison.html.

    Args:
      runs: by name, the runs of one model, one a training seed. All were measured on the same rows.
      root: the folder to write to.
      baseline: the name that the others are compared with; None: the first.
      part: `validation` or `test`: what they are compared on.

    Raises:
      ConfigurationError: there are not two names, no such baseline, or a folder is no run or was not finished.
      InputDataError: the runs were not measured on the same rows, or not on that part.
    """
    if len(runs) < 2:
        raise ConfigurationError(f"--finished: two names at least can be compared, received {', '.join(runs)}")
    baseline = next(iter(runs)) if baseline is None else baseline
    if baseline not in runs:
        raise ConfigurationError(f"--baseline {baseline}: is not among --finished: {suggestion(baseline, runs)}")
    by_seed = {name: sorted(folders, key=_seed_of) for name, folders in runs.items()}

    from tfgrec.report import compare_arms

    with claimed(root, "run"):
        comparison = compare_arms(by_seed, baseline=baseline, part=part)
        write_comparison(comparison, root)
    return comparison


def _seed_of(folder: Path) -> int:
    """Runs of the same seed are pairs."""
    run = RunDirectory.at(folder)
    fetch_to_read(run.root)
    if not run.metrics.exists():
        raise ConfigurationError(f"--finished: {run.metrics} is not there: expected the folder of a finished run")
    return run.read_config().training.seed
