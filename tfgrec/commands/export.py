"""tfgrec-export: writes a run's trained model as a new version for serving."""

import argparse
import sys
from collections.abc import Sequence

from tfgrec.entry_point import entry_point
from tfgrec.run.claim import written_beside
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.working_folder import local_folder, told_by_url


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Exports the newest checkpoint of a run as the next version, after comparing its scores with the model's."""
    parser = argparse.ArgumentParser(prog="tfgrec-export", description=main.__doc__)
    parser.add_argument(
        "--run-dir", required=True, type=local_folder, metavar="DIR", help="the run, as given to tfgrec-train"
    )
    run = RunDirectory.open(parser.parse_args(arguments).run_dir)

    from tfgrec.training.run_model import RunModel

    with written_beside(run.root):
        print(told_by_url(str(RunModel(run.read_config(), run).export())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
