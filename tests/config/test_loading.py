"""Configuration files: what is read back, and what each mistake is told."""

from pathlib import Path

import pytest
import yaml

from tfgrec.config import RunConfig, dump_config, load_run_config, load_tables_config
from tfgrec.errors import ConfigurationError

REPOSITORY = Path(__file__).parents[2]
KUAIRAND = REPOSITORY / "configs" / "kuairand.yaml"


# Files of variants are held by tests/stages/test_contenders.py, those of experiments by tests/experiment.
_OTHERS = ("_variants.yaml", "experiment_demo.yaml")
CONFIGS = sorted(path for path in (REPOSITORY / "configs").glob("*.yaml") if not path.name.endswith(_OTHERS))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_name_a_schema_folder_that_exists(path: Path) -> None:
    config = load_run_config(path)
    assert load_tables_config(config.schema_dir).requests.sources


def test_resolved_config_reads_back_equal(tmp_path: Path) -> None:
    config = load_run_config(KUAIRAND, ["training.epochs=7", "model.encoder.update=graph_sage"])
    dump_config(config, tmp_path / "config.yaml")
    assert load_run_config(tmp_path / "config.yaml") == config
    assert config.training.epochs == 7


def test_schema_dir_is_relative_to_the_file_not_to_the_working_directory(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Path(load_run_config(KUAIRAND).schema_dir) == REPOSITORY / "schemas" / "kuairand"


def test_override_reaches_into_lists_and_new_mappings() -> None:
    config = load_run_config(
        KUAIRAND, ["sampling.hops.0.exposed=0", "model.features.user.fans={kind: numeric, transforms: [quantile]}"]
    )
    assert config.sampling.hops[0]["exposed"].fan_out == 0
    assert config.model.features["user"]["fans"].transforms == ["quantile"]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("modle.encoder.rounds=2", "unknown key 'modle': did you mean 'model'?"),
        ("model.encoder.unitz=3", "unknown key 'model.encoder.unitz': did you mean 'units'?"),
        ("model.features.tag.#id.dimensoin=3", "did you mean 'dimension'?"),
        ("model.tasks.is_click.lable=x", "did you mean 'label'?"),
        ("model.encoder.rounds=many", "key 'model.encoder.rounds'"),
        ("model.encoder.rounds=0", "received 0"),
        ("sampling.hops=[]", "key 'sampling.hops'"),
        ("model.encoder.update=gcn", "received 'gcn'"),
        ("model.features.user.fans={kind: numeric, transform: [log]}", "did you mean 'transforms'?"),
        ("model.features.user.fans={kind: numeric, transforms: [log, log]}", "name each transform once"),
        ("model.features.user.x={kind: time_of, dimension: 3}", "dimension: goes with encoding embedded"),
        ("model.tasks.auto_encoder={label: is_click}", "key 'model.tasks': auto_encoder: this name is taken"),
    ],
)
def test_mistakes_are_named_with_file_and_key(override: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_run_config(KUAIRAND, [override])
    assert str(KUAIRAND) in str(error.value)
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.epochs", "expected key.path=value"),
        ("training.epochs=[1", "not valid YAML"),
        ("name.first=x", "name is a value ('kuairand')"),
        ("sampling.hops.9.exposed=1", "9 is no position in a list of 2"),
    ],
)
def test_malformed_overrides_are_named(override: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match="--set") as error:
        load_run_config(KUAIRAND, [override])
    assert expected in str(error.value)


def test_every_mistake_is_listed_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        load_run_config(KUAIRAND, ["training.epoch=2", "evaluation.scenari=x"])
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a: [", "not valid YAML"), ("- 1", "received list"), ("{}", "key 'name' is missing")],
)
def test_files_that_are_no_configuration(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as error:
        load_run_config(path)
    assert str(path) in str(error.value) and expected in str(error.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_run_config(tmp_path / "none.yaml")


def test_config_is_frozen() -> None:
    config: RunConfig = load_run_config(KUAIRAND)
    with pytest.raises(ValueError, match="frozen"):
        config.training.epochs = 3


def test_time_and_edge_sources_want_exactly_one_way(tmp_path: Path) -> None:
    tables = yaml.safe_load((REPOSITORY / "schemas" / "kuairand" / "tables.yaml").read_text())
    tables["tables"]["interactions"]["time"]["format"] = "%Y"
    tables["edge_sets"]["exposed"]["reverse_of"] = "liked"
    (tmp_path / "tables.yaml").write_text(yaml.safe_dump(tables))
    with pytest.raises(ConfigurationError) as error:
        load_tables_config(tmp_path)
    assert "give either unit or format" in str(error.value)
    assert "give either sources or reverse_of" in str(error.value)


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        ("itm", ["shared_with_item.item': Input should be 'item', received 'itm'"]),
        ({"edge_set": "made_by", "edge_feature": "tab"}, ["feature.request_feature' is missing", "unknown key"]),
        ({"edge_sett": "made_by"}, ["edge_set' is missing", "edge_sett': did you mean 'edge_set'?"]),
    ],
)
def test_what_is_shared_is_told_as_the_kind_it_was_meant_to_be(
    shared: object, expected: list[str], tmp_path: Path
) -> None:
    tables = yaml.safe_load((REPOSITORY / "schemas" / "kuairand" / "tables.yaml").read_text())
    tables["requests"]["temporal_degrees"]["user_liked"]["shared_with_item"] = shared
    (tmp_path / "tables.yaml").write_text(yaml.safe_dump(tables))
    with pytest.raises(ConfigurationError) as error:
        load_tables_config(tmp_path)
    lines = str(error.value).splitlines()
    assert len(lines) == len(expected)
    assert all(part in line for part, line in zip(expected, lines, strict=True))
