"""Trains, measures and exports one arm of one night: python -m tfgrec.experiment.arm_training."""

import argparse
import sys
from collections.abc import Sequence

from tfgrec.config import load_run_config
from tfgrec.entry_point import entry_point
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages.model_stages import ModelStages


@entry_point
def main(arguments: Sequence[str] | None = None) -> None:
    """The stages of tfgrec-train that come after the records."""
    parser = argparse.ArgumentParser(prog="python -m tfgrec.experiment.arm_training", description=main.__doc__)
    for name, meaning in (
        ("config", "the run's configuration"),
        ("run-dir", "where the arm's training goes"),
        ("data-root", "where its graph and records are"),
    ):
        parser.add_argument(f"--{name}", required=True, help=meaning)
    parsed = parser.parse_args(arguments)
    run = RunDirectory.at(parsed.run_dir, data_root=parsed.data_root)
    ModelStages(load_run_config(parsed.config), run, announce=lambda line: print(f"  {line}", flush=True)).run()


if __name__ == "__main__":
    sys.exit(main())
