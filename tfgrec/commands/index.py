"""tfgrec-index: writes the items of a run's retrieval as an index that TensorFlow serves by itself."""

import argparse
import datetime
import sys
from collections.abc import Sequence

from tfgrec.entry_point import entry_point
from tfgrec.errors import ConfigurationError
from tfgrec.graph.times import time_problem
from tfgrec.run.claim import written_beside
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.working_folder import local_folder, told_by_url


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Encodes all items as of a stated time with a run's newest checkpoint, and writes an index of them for serving."""
    parser = argparse.ArgumentParser(prog="tfgrec-index", description=main.__doc__)
    parser.add_argument(
        "--run-dir", required=True, type=local_folder, metavar="DIR", help="the run, as given to tfgrec-train"
    )
    parser.add_argument(
        "--time",
        required=True,
        metavar="TIME",
        help="items are encoded as a request at this time sees them: ISO 8601, UTC where it names no zone, "
        "or milliseconds since 1970",
    )
    parser.add_argument(
        "--search",
        choices=("brute_force", "scann"),
        default="brute_force",
        help="exact; or approximate with ScaNN, for large catalogues, where it is installed (default: %(default)s)",
    )
    parsed = parser.parse_args(arguments)
    time = read_time(parsed.time)
    run = RunDirectory.open(parsed.run_dir)

    from tfgrec.retrieval.run_retrieval import RunRetrieval
    from tfgrec.training.run_model import RunModel

    with written_beside(run.root):
        for path in RunRetrieval(RunModel(run.read_config(), run)).export_indexes(time=time, search=parsed.search):
            print(told_by_url(str(path)))
    return 0


def read_time(text: str) -> int:
    """Milliseconds since 1970.

    Raises:
      ConfigurationError: the text is no time between 1971 and 2200.
    """
    time = int(text) if text.isdecimal() else _read_iso_8601(text)
    problem = time_problem(time)
    if problem is not None:
        raise ConfigurationError(f"--time {text}: {problem}")
    return time


def _read_iso_8601(text: str) -> int:
    try:
        # Python 3.10 does not know the Z.
        time = datetime.datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError as error:
        raise ConfigurationError(f"--time {text}: {error}") from error
    if time.tzinfo is None:
        time = time.replace(tzinfo=datetime.timezone.utc)
    return round(time.timestamp() * 1000)


if __name__ == "__main__":
    sys.exit(main())
