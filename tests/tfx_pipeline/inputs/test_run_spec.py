"""What components get told of a run."""

import argparse
import pickle

import pytest
from pydantic import ValidationError

from tfgrec.config import load_run_config
from tfx_pipeline.inputs.run_inputs import read_pipeline_config
from tfx_pipeline.inputs.run_spec import RunSpec, read_schema


@pytest.fixture(scope="module")
def config():
    return load_run_config("configs/demo.yaml", ["training.seed=5"])


def test_a_whole_spec_gives_the_configuration_and_its_schema_back(config, tmp_path):
    spec = RunSpec.from_json(RunSpec.of(config).to_json())
    written = spec.write(tmp_path)
    assert written.model_copy(update={"schema_dir": config.schema_dir}) == config
    assert read_schema(written)[0] == read_schema(config)[0]
    assert read_schema(written)[1] == read_schema(config)[1]


def test_a_part_does_not_change_with_what_it_leaves_out(config, tmp_path):
    part = RunSpec.of(config, ["build", "split"])
    other = config.model_copy(update={"training": config.training.model_copy(update={"seed": 6})})
    assert RunSpec.of(other, ["build", "split"]).to_json() == part.to_json()
    assert RunSpec.of(other).to_json() != RunSpec.of(config).to_json()
    sections = pickle.loads(pickle.dumps(part.write_sections(tmp_path)))
    assert (sections.build, sections.split, sections.name) == (config.build, config.split, config.name)
    with pytest.raises(AttributeError):
        _ = sections.model


def test_a_changed_schema_file_is_another_spec(config, tmp_path):
    spec = RunSpec.of(config)
    spec.write(tmp_path)
    tables = tmp_path / "schema" / "tables.yaml"
    tables.write_text(tables.read_text() + "# a comment\n")
    moved = config.model_copy(update={"schema_dir": str(tmp_path / "schema")})
    assert RunSpec.of(moved).to_json() != spec.to_json()


def test_values_are_checked_when_they_are_read(config, tmp_path):
    spec = RunSpec.of(config, ["build"])
    spec.config["build"]["shards"] = 0
    with pytest.raises(ValidationError, match="shards"):
        spec.write_sections(tmp_path)


def test_a_pipeline_leaves_a_test_part_out():
    asked = ["split.validation=[8, 8]", "split.test=[9, 9]"]
    arguments = argparse.Namespace(config="configs/demo.yaml", set=asked, day=None)
    assert load_run_config("configs/demo.yaml", asked).split.parts == ("train", "validation", "test")
    assert read_pipeline_config(arguments).split.parts == ("train", "validation")
