"""Credentials in paths and options are refused, and told and written nowhere."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tiny_world import write_tiny_world

from tfgrec.commands.train import main as train
from tfgrec.config import load_run_config, load_tables_config
from tfgrec.credentials import holds_credentials, refuse_credentials
from tfgrec.entry_point import USER_ERROR
from tfgrec.errors import ConfigurationError
from tfgrec.file_systems import place_of
from tfgrec.run.run_directory import RunDirectory

NAME, SECRET = "AKIAIOSFODNN7", "wJalrXUtnFEMI"
PATH = f"s3://{NAME}:{SECRET}@bucket/tables"
OPTION = f"--s3_secret_access_key={SECRET}"


def is_silent(text: str) -> bool:
    return NAME not in text and SECRET not in text


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (PATH, True),
        (f"s3:/{NAME}:{SECRET}@bucket/tables", True),
        (f"s3://{NAME}:wJal/rX/UtnFEMI@bucket", True),
        (f"--data={PATH}", True),
        (f"hdfs://{NAME}@namenode:8020/a", True),
        ("s3://bucket/day=1/a@b/c:d@e.csv", False),
        ("hdfs://namenode:8020/user/a@b", False),
        ("https://host:443/a@b", False),
        ("C:/a/b@c", False),
        ("/data/a:b@c", False),
        ("user@host", False),
        ("{a: 1, b: x@y}", False),
    ],
)
def test_paths_with_credentials_are_told_from_others(text: str, held: bool) -> None:
    assert holds_credentials(text) == held


@pytest.mark.parametrize(
    "option",
    [
        OPTION,
        "--s3_secret_access_key",
        f"--s3_access_key_id={NAME}",
        f"--s3_session_token={SECRET}",
        f"--azure_connection_string={SECRET}",
        f"--db-password={SECRET}",
    ],
)
def test_options_that_are_credentials_are_named_and_no_more(option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{option.partition('=')[0]}: credentials don't belong") as raised:
        refuse_credentials("arguments", option)
    assert is_silent(str(raised.value))


@pytest.mark.parametrize(
    "option",
    [
        "--dataflow_kms_key=a",
        "--no_auth",
        "--enable_hot_key_logging",
        "--gcp_oauth_scopes=a",
        "--keep-checkpoint",
        "-1",
    ],
)
def test_other_options_pass(option: str) -> None:
    refuse_credentials("arguments", option)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    write_tiny_world(tmp_path)
    return tmp_path


def in_data(world: Path) -> list[str]:
    return ["--data", PATH]


def in_run_dir(world: Path) -> list[str]:
    return ["--run-dir", PATH]


def in_override(world: Path) -> list[str]:
    return ["--set", f"training.warm_start_from={PATH}"]


def in_pipeline_options(world: Path) -> list[str]:
    return ["--set", f"pipeline.beam={{default: ['{OPTION}']}}"]


def in_broken_override(world: Path) -> list[str]:
    return ["--set", f"pipeline.beam={{default: ['{OPTION}'"]


def in_configuration(world: Path) -> list[str]:
    config = yaml.safe_load((world / "config.yaml").read_text())
    config["pipeline"] = {"beam": {"default": ["--runner=FlinkRunner", OPTION]}}
    (world / "config.yaml").write_text(yaml.safe_dump(config))
    return []


def in_misspelt_key(world: Path) -> list[str]:
    config = yaml.safe_load((world / "config.yaml").read_text())
    (world / "config.yaml").write_text(yaml.safe_dump({**config, "storage": PATH}))
    return []


def in_tables(world: Path) -> list[str]:
    path = world / "schema" / "tables.yaml"
    tables = yaml.safe_load(path.read_text())
    tables["tables"]["log"]["path"] = PATH
    path.write_text(yaml.safe_dump(tables))
    return []


def in_what_is_no_yaml(world: Path) -> list[str]:
    (world / "config.yaml").write_text(f"storage: [{PATH}, '{OPTION}', {{]\n")
    return []


@pytest.mark.parametrize(
    "place",
    [
        in_what_is_no_yaml,
        in_data,
        in_run_dir,
        in_override,
        in_pipeline_options,
        in_broken_override,
        in_configuration,
        in_misspelt_key,
        in_tables,
    ],
)
def test_a_command_refuses_them_and_writes_nothing(
    place: Callable[[Path], list[str]], world: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    given = place(world)
    changed = {path: path.read_bytes() for path in before}
    usual = ["--config", str(world / "config.yaml"), "--data", str(world / "data"), "--run-dir", str(tmp_path / "run")]
    assert train([*usual, *given]) == USER_ERROR
    told = capsys.readouterr()
    assert "credentials don't belong into " in told.err and is_silent(told.out + told.err)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == changed


def test_files_name_the_key(world: Path) -> None:
    in_configuration(world)
    told = r"config\.yaml: pipeline\.beam\.default: --s3_secret_access_key: credentials don't belong"
    with pytest.raises(ConfigurationError, match=told):
        load_run_config(world / "config.yaml")
    in_tables(world)
    with pytest.raises(ConfigurationError, match=r"tables\.yaml: tables\.log\.path: credentials don't belong"):
        load_tables_config(world / "schema")


def test_from_python_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as of_a_run:
        RunDirectory.at(Path(PATH))
    with pytest.raises(ConfigurationError) as of_a_place:
        place_of(f"s3://{NAME}:{SECRET}/x@bucket/tables")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://{NAME}:{SECRET}@host")
    with pytest.raises(ConfigurationError, match="^AWS_ENDPOINT_URL: holds credentials") as of_an_endpoint:
        place_of("s3://bucket/tables")
    assert is_silent(f"{of_a_run.value} {of_a_place.value} {of_an_endpoint.value}")
