"""tfgrec-skew: whether what is served is what was trained on, what it was yesterday, and what the next model says."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from tfgrec.commands.skew_tables import print_drift, print_skew
from tfgrec.config import load_tables_config
from tfgrec.entry_point import entry_point
from tfgrec.errors import ConfigurationError
from tfgrec.files import write_json
from tfgrec.local_path import local_path
from tfgrec.model_versions import newest_version
from tfgrec.run.run_directory import RunDirectory
from tfgrec.skew.limits import exceeded, read_limits

if TYPE_CHECKING:
    from tfgrec.skew.logged_requests import LoggedRequest

SKEWED = 1
_DRIFT = ("mean_change", "psi", "ks", "rank_correlation", "top_changed", "largest_change")
_SKEW = {"different_share": 0.0, "made_now": 1e-5, "answered_then": 1e-5}


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Compares requests with what is made of them now (`records` of a run, or `served` ones from the log of
    tfgrec-serve), or the scores of two models on the same requests (`models`).

    Ends with 1 where a limit is exceeded.
    """
    parsed = _parser().parse_args(arguments)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    found, too_much = parsed.compare(parsed, console)
    if parsed.json is not None:
        write_json(parsed.json, found)
    for problem in too_much:
        console.print(f"skew: {problem}")
    return SKEWED if too_much else 0


def _compare_records(parsed: argparse.Namespace, console: Console) -> tuple[dict[str, Any], list[str]]:
    """Records of the Beam job beside the same requests made by the service, from the store that they were sampled
    from."""
    from tfgrec.data.examples_directory import ExamplesDirectory
    from tfgrec.skew.logged_requests import chosen_records

    run = RunDirectory.open(parsed.run_dir)
    directory = ExamplesDirectory.open(parsed.examples or run.examples)
    requests = chosen_records(directory, splits=parsed.split, count=parsed.requests, seed=parsed.seed)
    return _compare_requests(parsed, run, list(requests), console, live=False)


def _compare_served(parsed: argparse.Namespace, console: Console) -> tuple[dict[str, Any], list[str]]:
    """Requests that tfgrec-serve has logged beside the same requests made now, of store and events, and answered by
    the model of now."""
    from tfgrec.skew.served_requests import ServedRequests

    run, served = RunDirectory.open(parsed.run_dir), ServedRequests(parsed.request_log)
    requests = served.sample(parsed.requests, seed=parsed.seed)
    for file in served.cut_off:
        console.print(f"{file}: ends within a record, what comes before it is compared")
    if parsed.write_examples is not None:
        _write_examples(parsed.write_examples, requests)
    return _compare_requests(parsed, run, requests, console, live=True)


def _compare_requests(
    parsed: argparse.Namespace, run: RunDirectory, requests: "list[LoggedRequest]", console: Console, *, live: bool
) -> tuple[dict[str, Any], list[str]]:
    from tfgrec.data.recorded_requests import RecordedRequests
    from tfgrec.graph.examples.example_service import ExampleService
    from tfgrec.serving.clients.saved_model_client import SavedModelClient
    from tfgrec.skew.request_skew import RequestSkew

    limits = _SKEW | read_limits(parsed.limit, tuple(_SKEW))
    config = run.read_config()
    tables = load_tables_config(config.schema_dir)
    graph, sampling = parsed.graph or run.graph, config.sampling
    if live:
        service = ExampleService.open_live(graph, sampling=sampling, tables=tables)
    else:
        service = ExampleService.open(graph, sampling=sampling, requests=tables.requests)
    export = _find_export(parsed.export or run.root)
    recorded = RecordedRequests(service.schema, tables.requests)
    skew = RequestSkew(service=service, recorded=recorded, model=SavedModelClient(export))
    skew.add(requests)
    found = skew.summary()
    print_skew(console, found)
    told = {"kind": parsed.kind, "run": str(run.root), "graph": str(graph), "export": str(export), "limits": limits}
    return told | found, exceeded({"different_share": found["different_share"], **found["largest"]}, limits)


def _compare_models(parsed: argparse.Namespace, console: Console) -> tuple[dict[str, Any], list[str]]:
    """The scores of two models on the same requests."""
    from tfgrec.serving.clients.saved_model_client import SavedModelClient
    from tfgrec.skew.score_drift import score_drift, scores_of

    limits = read_limits(parsed.limit, _DRIFT)
    if len(parsed.export) != 2:
        raise ConfigurationError(f"--export: expected two models, received {len(parsed.export)}")
    exports = [_find_export(path) for path in parsed.export]
    examples = [request.example for request in _requests_of_models(parsed)]
    (one, lengths), (other, _) = (scores_of(SavedModelClient(export), examples) for export in exports)
    drift = score_drift(one, other, lengths)
    print_drift(console, drift, title=f"{exports[1]} less {exports[0]}, {len(lengths):,} requests")
    tasks = parsed.task or sorted(drift)
    for task in tasks:
        if task not in drift:
            raise ConfigurationError(f"--task {task}: both models have {', '.join(sorted(drift))}")
    too_much = [f"{task}: {problem}" for task in tasks for problem in exceeded(drift[task], limits)]
    told = {"kind": parsed.kind, "exports": [str(export) for export in exports], "limits": limits}
    only = {"only_one": sorted(one.keys() - other.keys()), "only_other": sorted(other.keys() - one.keys())}
    return {**told, **only, "requests": len(lengths), "candidates": int(lengths.sum()), "drift": drift}, too_much


def _requests_of_models(parsed: argparse.Namespace) -> "list[LoggedRequest]":
    from tfgrec.data.examples_directory import ExamplesDirectory
    from tfgrec.skew.logged_requests import chosen_records
    from tfgrec.skew.served_requests import ServedRequests

    if (parsed.run_dir is None) == (parsed.request_log is None):
        raise ConfigurationError("requests to score: name either --run-dir or --request-log")
    if parsed.request_log is not None:
        return ServedRequests(parsed.request_log).sample(parsed.requests, seed=parsed.seed)
    directory = ExamplesDirectory.open(RunDirectory.open(parsed.run_dir).examples)
    return list(chosen_records(directory, splits=parsed.split, count=parsed.requests, seed=parsed.seed))


def _write_examples(folder: Path, requests: "list[LoggedRequest]") -> None:
    import tensorflow as tf

    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigurationError(f"--write-examples {folder}: is not empty: choose a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / "served-00000-of-00001.tfrecord")) as writer:
        for request in requests:
            writer.write(request.example)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfgrec-skew", description=main.__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="{records,served,models}")
    of_records = _add_kind(kinds, "records", _compare_records, limits=_SKEW)
    of_served = _add_kind(kinds, "served", _compare_served, limits=_SKEW)
    of_models = _add_kind(kinds, "models", _compare_models, limits=_DRIFT)
    for kind in (of_records, of_served):
        kind.add_argument(
            "--run-dir", required=True, type=local_path, metavar="DIR", help="the run, as given to tfgrec-train"
        )
        kind.add_argument("--graph", metavar="DIR", help="another graph store than the run's")
        kind.add_argument(
            "--export", type=local_path, metavar="DIR", help="the model to ask (default: the run's newest)"
        )
    of_records.add_argument("--examples", metavar="DIR", help="records that were sampled anew from the same store")
    of_served.add_argument(
        "--write-examples",
        type=local_path,
        metavar="DIR",
        help="write the examples, for the pipeline's --serving-examples",
    )
    of_models.add_argument(
        "--export",
        action="append",
        required=True,
        type=local_path,
        metavar="DIR",
        help="a version of an export, or a run; give two",
    )
    of_models.add_argument("--run-dir", type=local_path, metavar="DIR", help="the run whose records are scored")
    of_models.add_argument("--task", nargs="+", metavar="TASK", help="outputs that limits hold for (default: all)")
    for kind in (of_served, of_models):
        kind.add_argument(
            "--request-log", type=local_path, required=kind is of_served, metavar="DIR", help="as given to tfgrec-serve"
        )
    for kind in (of_records, of_models):
        kind.add_argument("--split", nargs="+", metavar="NAME", help="of the records (default: all)")
    return parser


def _add_kind(kinds: Any, name: str, compare: Any, *, limits: Any) -> argparse.ArgumentParser:
    kind = kinds.add_parser(name, help=compare.__doc__, description=compare.__doc__)
    kind.set_defaults(compare=compare)
    kind.add_argument("--requests", type=int, default=1000, metavar="N", help="how many (default: %(default)s)")
    kind.add_argument("--seed", type=int, default=0, help="draws them (default: %(default)s)")
    kind.add_argument("--json", type=local_path, metavar="FILE", help="where to write all that was found")
    defaults = limits if isinstance(limits, dict) else {}
    names = ", ".join(f"{key} ({defaults[key]:g})" if key in defaults else key for key in limits)
    kind.add_argument(
        "--limit",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=NUMBER",
        help=f"beyond it, ends with 1: {names}",
    )
    return kind


def _find_export(path: str | Path) -> Path:
    """A version of an export itself, the newest one in a folder of versions, or the newest one of a run.

    Raises:
      ConfigurationError: there is none.
    """
    path = Path(path)
    if (path / "saved_model.pb").is_file():
        return path
    newest = RunDirectory.at(path).newest_export or newest_version(path)
    if newest is None or not (newest / "saved_model.pb").is_file():
        raise ConfigurationError(f"{path}: is no exported model, no folder of its versions, and no run that has one")
    return newest


if __name__ == "__main__":
    sys.exit(main())
