"""The files of deploy/ fit the commands, the page that explains them and one another: no Docker is here to try them."""

import argparse
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tfgrec.commands.serve import main
from tfgrec.serving.feature_service.service_metrics import FeatureServiceMetrics

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
FEATURE_SERVICES = {"feature-service": "stable", "feature-service-canary": "canary"}
# Keys of the Compose specification that are used here.
SERVICE_KEYS = {
    *("image", "build", "command", "entrypoint", "volumes", "ports", "profiles", "depends_on", "healthcheck"),
    *("restart", "stop_grace_period"),
}


class Parsed(Exception):
    """What a command was called with, instead of its work."""


@pytest.fixture
def serve_options(monkeypatch: pytest.MonkeyPatch):
    """Reads options as tfgrec-serve does."""

    def read(arguments: list[str]) -> argparse.Namespace:
        parse = argparse.ArgumentParser.parse_args

        def stop(parser: argparse.ArgumentParser, given: list[str]) -> None:
            raise Parsed(parse(parser, given))

        monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
        with pytest.raises(Parsed) as parsed:
            main(arguments)
        return parsed.value.args[0]

    return read


def models() -> model_server_config_pb2.ModelConfig:
    text = (DEPLOY / "model_server" / "models.config").read_text(encoding="utf-8")
    [config] = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config
    return config


def test_the_compose_file_names_what_is_there() -> None:
    assert COMPOSE.keys() == {"name", "services", "volumes"}
    for name, service in SERVICES.items():
        assert service.keys() <= SERVICE_KEYS, name
        for volume in service.get("volumes", []):
            source = volume.rsplit(":", 2 if volume.endswith(":ro") else 1)[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), volume
            elif not source.startswith("${RUN:?"):
                assert source in COMPOSE["volumes"], volume
        assert set(service.get("depends_on", [])) <= SERVICES.keys()
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), "none of them has TLS"
    assert (DEPLOY / SERVICES["feature-service"]["build"] / "Dockerfile").exists()


def test_the_model_server_is_the_exporting_tensorflow_s_and_does_not_batch() -> None:
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in SERVICES["model-server"]["command"])
    assert flags["enable_batching"] == "false" and flags["enable_model_warmup"] == "true"
    assert {Path(flags[name]).name for name in ("model_config_file", "monitoring_config_file")} <= {
        path.name for path in (DEPLOY / "model_server").iterdir()
    }
    lock = (ROOT / "requirements" / "stack-a.lock").read_text(encoding="utf-8")
    [version] = re.findall(r"^tensorflow-serving-api==(\S+)$", lock, flags=re.MULTILINE)
    assert SERVICES["model-server"]["image"] == f"tensorflow/serving:{version}"
    assert all(f"`--{name}" in PAGE for name in flags), "docs/operations.md explains each flag"


def test_labels_are_of_versions_that_are_loaded_and_both_services_ask_one(serve_options) -> None:
    config = models()
    loaded = set(config.model_version_policy.specific.versions)
    assert loaded and set(config.version_labels.values()) <= loaded
    export = next(of for of in SERVICES["model-server"]["volumes"] if "/export:" in of)
    assert export.split(":")[-2] == config.base_path
    for service, label in FEATURE_SERVICES.items():
        options = serve_options(SERVICES[service]["command"])
        assert options.model_version == label and label in config.version_labels
        assert options.model_name == config.name
        assert options.model_server == "model-server:8500"
        assert f":{options.port}/readyz" in " ".join(SERVICES[service]["healthcheck"]["test"])
        assert 0 < options.request_log_share <= 1
    # Each has a log of its own.
    assert len({of for service in FEATURE_SERVICES for of in SERVICES[service]["volumes"] if "requests" in of}) == 2


def test_prometheus_asks_what_there_is() -> None:
    jobs = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text(encoding="utf-8"))["scrape_configs"]
    paths = {target: job["metrics_path"] for job in jobs for of in job["static_configs"] for target in of["targets"]}
    assert {target.split(":")[0] for target in paths} == {"model-server", *FEATURE_SERVICES}
    monitoring = (DEPLOY / "model_server" / "monitoring.config").read_text(encoding="utf-8")
    assert f'path: "{paths["model-server:8501"]}"' in monitoring and "enable: true" in monitoring


def test_the_metrics_of_the_page_are_told() -> None:
    told = FeatureServiceMetrics().text().decode()
    named = set(re.findall(r"\btfgrec_[a-z_]+", PAGE))
    assert {"tfgrec_answers_total", "tfgrec_stage_seconds", "tfgrec_logged_requests_total"} <= named
    known = set(re.findall(r"^# TYPE (\S+)", told, flags=re.MULTILINE))
    assert {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in named} <= known


def test_the_models_config_of_the_page_can_be_read() -> None:
    blocks = re.findall(r"```proto\n(.*?)```", PAGE, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        config = text_format.Parse(block, model_server_config_pb2.ModelConfig())
        assert set(config.version_labels.values()) <= set(config.model_version_policy.specific.versions)
