"""A run whose records are compared with what a service makes of the same requests."""

import pytest
from served_run import write_served_run

from tfgrec.config import load_tables_config
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.run.run_directory import RunDirectory


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Not to be written to."""
    return write_served_run(tmp_path_factory.mktemp("skew") / "run")


@pytest.fixture(scope="session")
def service(run: RunDirectory) -> ExampleService:
    config = run.read_config()
    requests = load_tables_config(config.schema_dir).requests
    return ExampleService.open(run.graph, sampling=config.sampling, requests=requests)
