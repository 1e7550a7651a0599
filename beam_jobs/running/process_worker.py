"""A Beam worker as a plain process: what a runner starts where `--environment_type=PROCESS` says so.

In Beam's container images a boot program does this. Nothing is installed or fetched here: the Python that runs this
module has tfgrec already.
"""

import argparse
import os
import sys
from collections.abc import Sequence

import grpc
from apache_beam.portability.api import beam_provision_api_pb2 as provision_pb2
from apache_beam.portability.api import beam_provision_api_pb2_grpc as provision_pb2_grpc
from apache_beam.portability.api import endpoints_pb2
from apache_beam.runners.worker import sdk_worker_main
from google.protobuf import json_format, text_format

from tfgrec.keras_flavour import require_legacy_keras

_PROVISION_SECONDS = 60


def main(argv: Sequence[str] | None = None) -> None:
    """Asks the runner what to run, and runs it until the runner ends."""
    parser = argparse.ArgumentParser(
        prog="python -m beam_jobs.running.process_worker", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--id", required=True, help="the worker's name")
    for service in ("provision", "control", "logging", "artifact"):
        required = service == "provision"
        parser.add_argument(f"--{service}_endpoint", required=required, metavar="HOST:PORT", default="")
    args, _ = parser.parse_known_args(argv)
    # Before a step of TFX's, unpickled first, imports TensorFlow.
    require_legacy_keras()
    info = _provision_info(args.provision_endpoint, args.id)
    os.environ.update(worker_environment(args, info))
    sdk_worker_main.main([])


def worker_environment(args: argparse.Namespace, info: provision_pb2.ProvisionInfo) -> dict[str, str]:
    """The environment variables that Beam's worker is told all by; what the runner's answer names goes first."""
    control = info.control_endpoint.url or args.control_endpoint
    logs = info.logging_endpoint.url or args.logging_endpoint
    return {
        "WORKER_ID": args.id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
        "CONTROL_API_SERVICE_DESCRIPTOR": _descriptor(control),
        "LOGGING_API_SERVICE_DESCRIPTOR": _descriptor(logs),
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
    }


def _provision_info(endpoint: str, worker_id: str) -> provision_pb2.ProvisionInfo:
    with grpc.insecure_channel(endpoint) as channel:
        service = provision_pb2_grpc.ProvisionServiceStub(channel)
        request = provision_pb2.GetProvisionInfoRequest()
        answer = service.GetProvisionInfo(
            request, metadata=[("worker_id", worker_id)], timeout=_PROVISION_SECONDS, wait_for_ready=True
        )
    return answer.info


def _descriptor(url: str) -> str:
    return text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url))


if __name__ == "__main__":
    sys.exit(main())
