"""tfgrec-serve: a feature service that answers requests to rank with scores, as JSON over HTTP and by gRPC."""

import argparse
import json
import shlex
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfgrec.commands.serve_parts import add_arguments, open_recommender, open_request_log
from tfgrec.config import load_tables_config
from tfgrec.entry_point import entry_point
from tfgrec.errors import ConfigurationError
from tfgrec.files import is_local
from tfgrec.local_path import local_path
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.working_folder import told_by_url

if TYPE_CHECKING:
    import grpc

    from tfgrec.serving.clients.client import ModelClient
    from tfgrec.serving.feature_service.service import FeatureService
    from tfgrec.serving.feature_service.service_metrics import FeatureServiceMetrics

COMMAND, PRINT_REQUEST = "tfgrec-serve", "--print-request"


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Samples requests from a run's graph store and the events since, asks its model, and answers scores as JSON."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=main.__doc__, allow_abbrev=False)
    _add_arguments(parser)
    parsed = parser.parse_args(arguments)
    run = RunDirectory.open(parsed.run_dir)
    if parsed.print_request:
        print("\n".join(_how_to_ask(parsed, run, sys.argv[1:] if arguments is None else arguments)))
        return 0
    try:
        import uvicorn

        from tfgrec.serving.feature_service.service_metrics import FeatureServiceMetrics

        metrics = FeatureServiceMetrics()
        service = _open_service(parsed, run, metrics)
        listener = _listen(parsed.host, parsed.port)
        by_grpc, of_grpc = _start_grpc(service, metrics, parsed)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{COMMAND} needs {error.name}: install tfgrec[serving]") from error
    host, port = listener.getsockname()[:2]
    print(f"{told_by_url(str(run.root))} is served at http://{_in_url(host)}:{port}", *of_grpc, sep="\n", flush=True)
    # uvicorn sends itself the signal again once its requests have ended: what follows would not be done.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        uvicorn.Server(uvicorn.Config(service.app(), log_level="warning", access_log=False, lifespan="off")).run(
            sockets=[listener]
        )
    finally:
        if by_grpc is not None:
            by_grpc.stop(parsed.timeout).wait()
        service.close()
    return 0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run-dir", required=True, metavar="DIR", help="the run, as given to tfgrec-train")
    parser.add_argument(
        "--graph", type=local_path, metavar="DIR", help="the graph store (default: the run's); its log lies beside it"
    )
    parser.add_argument(
        "--log",
        type=local_path,
        metavar="DIR",
        help="the graph's log of events (default: beside the graph); a graph at a URL needs one",
    )
    parser.add_argument(
        "--model-server",
        metavar="ADDRESS",
        help="HOST:PORT of TensorFlow Serving's gRPC, or http://HOST:PORT of its REST interface; without it, this "
        "process holds the run's newest export itself",
    )
    parser.add_argument("--model-name", metavar="NAME", help="the model's name there (default: the run's name)")
    parser.add_argument("--model-version", metavar="VERSION", help="a version's number or label (default: the newest)")
    parser.add_argument(
        "--timeout", type=float, default=5.0, metavar="SECONDS", help="for an answer of the model server"
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="0: any free one (default: %(default)s)")
    parser.add_argument("--grpc-port", type=int, metavar="PORT", help="also listen there for gRPC; 0: any free one")
    add_arguments(parser)
    parser.add_argument(
        PRINT_REQUEST,
        action="store_true",
        help="only print how to serve the run, and a request of its validation days",
    )


def _open_service(parsed: argparse.Namespace, run: RunDirectory, metrics: "FeatureServiceMetrics") -> "FeatureService":
    from tfgrec.graph.examples.example_service import ExampleService
    from tfgrec.serving.feature_service.service import FeatureService

    config = run.read_config()
    graph = parsed.graph or run.graph
    if parsed.log is None and not is_local(graph):
        raise ConfigurationError(
            f"--log: is needed: {graph} is at a URL, and a log of events lies on a disk: a new folder will do"
        )
    examples = ExampleService.open_live(
        graph, sampling=config.sampling, tables=load_tables_config(config.schema_dir), log=parsed.log
    )
    return FeatureService(
        examples=examples,
        model=_open_model(parsed, run, config.name),
        metrics=metrics,
        recommender=open_recommender(parsed, examples),
        log=open_request_log(parsed, model=parsed.model_name or config.name, version=_version(parsed, run), to=metrics),
    )


def _start_grpc(
    service: "FeatureService", metrics: "FeatureServiceMetrics", parsed: argparse.Namespace
) -> "tuple[grpc.Server | None, list[str]]":
    """The server where one is asked for, and what to say of it."""
    if parsed.grpc_port is None:
        return None, []
    from tfgrec.serving.feature_service.grpc_service import make_grpc_server

    server, host = make_grpc_server(service, metrics=metrics), _in_url(parsed.host)
    try:
        port = server.add_insecure_port(f"{host}:{parsed.grpc_port}")
    except RuntimeError as error:
        raise ConfigurationError(
            f"--host {parsed.host} --grpc-port {parsed.grpc_port}: can't listen there: {error}"
        ) from error
    server.start()
    return server, [f"gRPC: {host}:{port}"]


def _open_model(parsed: argparse.Namespace, run: RunDirectory, name: str) -> "ModelClient":
    address, version = parsed.model_server, parsed.model_version
    if address is None:
        from tfgrec.serving.clients.saved_model_client import SavedModelClient

        return SavedModelClient(_export(run, version))
    options = {
        "model": parsed.model_name or name,
        "version": _version(parsed, run),
        "timeout": parsed.timeout,
    }
    if address.startswith(("http://", "https://")):
        from tfgrec.serving.clients.rest_client import RestClient

        return RestClient(url=address, **options)
    if not address.rpartition(":")[2].isdecimal():
        raise ConfigurationError(f"--model-server {address}: expected HOST:PORT or http://HOST:PORT")
    from tfgrec.serving.clients.grpc_client import GrpcClient

    return GrpcClient(target=address, **options)


def _version(parsed: argparse.Namespace, run: RunDirectory) -> int | str | None:
    """A version's number or label; None where the model server chooses."""
    version = parsed.model_version
    if version is None and parsed.model_server is None:
        version = _export(run, None).name
    return int(version) if version is not None and version.isdecimal() else version


def _export(run: RunDirectory, version: str | None) -> Path:
    path = run.newest_export if version is None else run.export / version
    if path is None or not path.is_dir():
        asked = "exported model" if version is None else f"version {version} of the exported model"
        raise ConfigurationError(f"{run.root}: has no {asked}, run tfgrec-train or tfgrec-export first")
    return path


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"--host {host} --port {port}: can't listen there: {reason}") from error


def _how_to_ask(parsed: argparse.Namespace, run: RunDirectory, given: Sequence[str]) -> list[str]:
    """The command that serves the run, and one that asks it."""
    from tfgrec.serving.feature_service.sample_request import logged_request

    config = run.read_config()
    body = logged_request(run.examples, load_tables_config(config.schema_dir).requests)
    as_script = Path(sys.argv[0]).name == COMMAND
    program = [sys.argv[0]] if as_script else [sys.executable, "-m", "tfgrec.commands.serve"]
    options = [argument for argument in given if argument != PRINT_REQUEST]
    if parsed.log is None and not is_local(parsed.graph or run.graph):
        options += ["--log", f"{config.name}.log"]
    address = f"http://{_in_url(parsed.host)}:{parsed.port}/rank"
    return [shlex.join([*program, *options]), shlex.join(["curl", "-sS", address, "-d", json.dumps(body)])]


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    sys.exit(main())
