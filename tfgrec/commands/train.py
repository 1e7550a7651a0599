"""tfgrec-train: from tables to a trained, measured and exported model, in one command that can be repeated."""

import argparse
import os
import sys
from collections.abc import Sequence

from rich.console import Console

from tfgrec.commands.metrics_table import print_metrics
from tfgrec.commands.run_arguments import ARMS, add_run_arguments, read_config
from tfgrec.entry_point import entry_point
from tfgrec.errors import ConfigurationError
from tfgrec.files import as_path
from tfgrec.run.earlier_runs import check_warm_start
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.working_folder import told_by_url, url_of
from tfgrec.stages.borrowed_records import BorrowedRecords
from tfgrec.stages.whole_run import run_all_stages, run_on_records
from tfgrec.training.cluster import Cluster


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the stages graph, examples, audit, training, evaluation, export and report; returns the exit code.

    Stages whose inputs have not changed are skipped; a training that was killed goes on from its newest checkpoint.
    With `training.distribution: multi_worker`, all but one of the processes only train.
    """
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.data is None and parsed.records_from is None:
        parser.error("one of the arguments --data --records-from is required")
    config = read_config(parsed, arm=parsed.arm)
    borrowed = (
        None
        if parsed.records_from is None
        else BorrowedRecords(parsed.records_from, config, parsed.data, verify=parsed.verify)
    )
    run = RunDirectory.at(parsed.run_dir, data_root=None if borrowed is None else borrowed.data_root)
    console = Console(soft_wrap=True, highlight=False, markup=False)

    def announce(line: str) -> None:
        console.print(told_by_url(line))

    if config.training.distribution == "multi_worker" and url_of(run.root) is not None:
        raise ConfigurationError(
            f"--run-dir {url_of(run.root)}: training.distribution: multi_worker trains in a folder "
            "of a disk that all its processes see"
        )
    if config.training.distribution == "multi_worker" and not Cluster.from_environment(os.environ).is_chief:
        from tfgrec.training.joining import join_training

        check_warm_start(config, run)
        join_training(config, run, announce=announce)
        return 0
    if borrowed is None:
        metrics = run_all_stages(config, run, parsed.data, announce=announce, verify=parsed.verify)
    else:
        metrics = run_on_records(config, run, borrowed, announce=announce)
    for part in config.split.measured:
        print_metrics(console, metrics[part], config.model.tasks, title=f"{part}, arm {config.arm}")
    for path in (run.metrics, run.report, run.newest_export):
        announce(str(path))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfgrec-train", description=main.__doc__)
    add_run_arguments(parser, needs_data=False)
    parser.add_argument(
        "--records-from",
        type=as_path,
        metavar="RUN",
        help="train on the graph and records of another run or comparison, which is not written to; with --data, the "
        "tables are compared with those that they were made of",
    )
    parser.add_argument("--arm", choices=ARMS, help="how to train; else what the configuration says")
    return parser


if __name__ == "__main__":
    sys.exit(main())
