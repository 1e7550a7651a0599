"""Only a complete examples directory is read; what is wrong with another one is named."""

import json
import shutil
from pathlib import Path

import pytest
import small_records

from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.errors import InputDataError
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.store.layout import sealed


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    store = small_records.write_store(folder / "graph")
    small_records.write_examples(folder / "examples", store, {"train": 20, "validation": 10})
    return folder / "examples"


@pytest.fixture
def examples(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "examples"))


def test_a_whole_directory_is_read(whole: Path) -> None:
    examples = ExamplesDirectory.open(whole)
    assert examples.schema == record_schema(small_records.SCHEMA, small_records.SAMPLING)
    assert examples.split("train").num_requests == 20
    assert [Path(file).name for file in examples.split("train").files] == sorted(
        path.name for path in (whole / "train").iterdir()
    )
    assert "scenario" in examples.statistics["_readout"]
    assert "duration" in examples.statistics["video"]
    examples.check_statistics()


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("video", "no statistics of node set 'video': sample again"),
        ("history/watched", "no statistics of 'duration' of 'history/watched'.*sample again"),
    ],
)
def test_records_of_a_time_without_such_statistics_are_sampled_again(examples: Path, lost: str, told: str) -> None:
    path = examples / "manifest.json"
    manifest = {key: value for key, value in json.loads(path.read_text()).items() if key != "sha256"}
    del manifest["statistics"][lost]
    path.write_text(json.dumps(sealed(manifest)))
    with pytest.raises(InputDataError, match=told):
        ExamplesDirectory.open(examples).check_statistics()


def test_without_a_manifest_sampling_did_not_finish(examples: Path) -> None:
    (examples / "manifest.json").unlink()
    with pytest.raises(InputDataError, match="manifest.json: is missing: sampling did not finish"):
        ExamplesDirectory.open(examples)


def test_a_torn_manifest_is_named(examples: Path) -> None:
    manifest = examples / "manifest.json"
    manifest.write_text(manifest.read_text()[:-20])
    with pytest.raises(InputDataError, match="manifest.json: is not JSON"):
        ExamplesDirectory.open(examples)


def test_a_changed_manifest_is_named(examples: Path) -> None:
    manifest = examples / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"num_requests": 20', '"num_requests": 21', 1))
    with pytest.raises(InputDataError, match="manifest.json: is damaged: sample again"):
        ExamplesDirectory.open(examples)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda file: file.unlink(), "part-00001-of-00003.tfrecord: is missing"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "part-00001-of-00003.tfrecord: has .* bytes"),
    ],
    ids=["missing", "cut"],
)
def test_a_bad_file_is_named(examples: Path, damage, complaint: str) -> None:
    damage(examples / "validation" / "part-00001-of-00003.tfrecord")
    with pytest.raises(InputDataError, match=complaint):
        ExamplesDirectory.open(examples)


def test_of_what_is_listed_all_bytes_are_read_to_verify(examples: Path) -> None:
    ExamplesDirectory.open(examples).verify()
    (examples / "train" / "part-00009-of-00003.tfrecord").write_bytes(b"of somebody else")
    assert len(ExamplesDirectory.open(examples).split("train").files) == 3
    ExamplesDirectory.open(examples).verify()
    for path in sorted(examples.rglob("*-of-00003.tfrecord"))[:2]:
        path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(InputDataError, match=r"00000-of-00003.*: is damaged, .*00001-of-00003.*: is damaged, .*again"):
        ExamplesDirectory.open(examples).verify()


def test_a_split_without_requests_is_named(examples: Path) -> None:
    manifest = json.loads((examples / "manifest.json").read_text())
    manifest["splits"]["train"] = {"num_requests": 0, "num_candidates": 0, "shards": []}
    manifest.pop("sha256")
    (examples / "manifest.json").write_text(json.dumps(sealed(manifest)))
    with pytest.raises(InputDataError, match="split 'train' has no requests"):
        ExamplesDirectory.open(examples).split("train")
