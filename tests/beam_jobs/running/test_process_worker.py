"""What a worker process learns from its runner, and that it then is a worker."""

import json
import os
from concurrent import futures

import grpc
import pytest
from apache_beam.portability.api import beam_provision_api_pb2 as provision_pb2
from apache_beam.portability.api import beam_provision_api_pb2_grpc as provision_pb2_grpc
from google.protobuf import struct_pb2

from beam_jobs.running import process_worker

LEGACY_KERAS = "TF_USE_LEGACY_KERAS"


class Runner(provision_pb2_grpc.ProvisionServiceServicer):
    """A runner that tells one worker what to do."""

    def GetProvisionInfo(self, request, context):  # noqa: N802
        assert dict(context.invocation_metadata())["worker_id"] == "2-1"
        info = provision_pb2.ProvisionInfo(runner_capabilities=["one", "two"])
        info.pipeline_options.CopyFrom(struct_pb2.Struct())
        info.pipeline_options.update({"beam:option:job_name:v1": "a job"})
        info.control_endpoint.url = "localhost:7"
        return provision_pb2.GetProvisionInfoResponse(info=info)


def test_the_runners_answer_goes_before_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(1))
    provision_pb2_grpc.add_ProvisionServiceServicer_to_server(Runner(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    started_with = {}
    monkeypatch.setattr(process_worker.sdk_worker_main, "main", lambda _: started_with.update(os.environ))
    monkeypatch.setattr(os, "environ", {name: text for name, text in os.environ.items() if name != LEGACY_KERAS})
    endpoints = ["--control_endpoint=localhost:8", "--logging_endpoint=localhost:9", "--artifact_endpoint=localhost:10"]
    try:
        process_worker.main(["--id=2-1", f"--provision_endpoint=127.0.0.1:{port}", *endpoints])
    finally:
        server.stop(None)
    assert started_with["WORKER_ID"] == "2-1"
    assert started_with[LEGACY_KERAS] == "1"
    assert json.loads(started_with["PIPELINE_OPTIONS"]) == {"beam:option:job_name:v1": "a job"}
    assert started_with["RUNNER_CAPABILITIES"] == "one two"
    assert started_with["CONTROL_API_SERVICE_DESCRIPTOR"].strip() == 'url: "localhost:7"'
    assert started_with["LOGGING_API_SERVICE_DESCRIPTOR"].strip() == 'url: "localhost:9"'
