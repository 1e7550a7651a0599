"""What is not as the manifest says is never read as records, and is told of as an error of the input."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import small_records
import tensorflow as tf

from tfgrec import files
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.data.input_pipeline import TrainingData
from tfgrec.data.parsed_records import read_records
from tfgrec.data.record_files import RecordFiles
from tfgrec.errors import InputDataError
from tfgrec.manifest_files import ManifestFile
from tfgrec.told_damage import told_damage

Read = Callable[[RecordFiles], int]


def in_order(found: RecordFiles) -> int:
    return len(list(read_records(found)))


def shuffled(found: RecordFiles) -> int:
    data = TrainingData(found, 20, small_records.SCHEMA, ())
    # As a training does that goes on: what it skips it reads all the same.
    batches = data.serialized_batches(batch_size=4, seed=3, epoch=0, shuffle_buffer=8, skip_batches=3)
    return 12 + sum(len(batch) for batch in batches)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    store = small_records.write_store(folder / "graph")
    small_records.write_examples(folder / "examples", store, {"train": 20, "validation": 10})
    for path in folder.rglob("*.tfrecord"):
        make_old(path)
    return folder / "examples"


@pytest.fixture
def train(whole: Path, tmp_path: Path) -> RecordFiles:
    return ExamplesDirectory.open(shutil.copytree(whole, tmp_path / "examples")).split("train").records


def make_old(path: Path) -> None:
    os.utime(path, (1_600_000_000, 1_600_000_000))


def records_of(path: Path) -> list[bytes]:
    return list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())


def write(path: Path, records: list[bytes]) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def flip_a_bit(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:40] + bytes([content[40] ^ 4]) + content[41:])


def reverse(path: Path) -> None:
    write(path, records_of(path)[::-1])


def lose_a_record(path: Path) -> None:
    write(path, records_of(path)[:-1])


@pytest.mark.parametrize("read", [in_order, shuffled])
@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (flip_a_bit, "is damaged, its checksum is not the manifest's"),
        (reverse, "is damaged, its checksum is not the manifest's"),
        (lose_a_record, r"has \d+ bytes, the manifest says \d+"),
        (Path.unlink, "is missing"),
    ],
)
def test_it_is_found_before_any_record_is_used(
    read: Read, damage: Callable[[Path], None], told: str, train: RecordFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_COARSEST_CLOCK", 0.0)
    assert read(train) == 20
    path = Path(list(train)[1])
    damage(path)
    # As far as its time goes, nobody has changed it.
    if path.exists():
        make_old(path)
    with (
        pytest.raises(InputDataError, match=rf"^{path}: {told}: run the command that made it again with --verify"),
        told_damage(),
    ):
        read(train)


def test_files_of_one_length_that_changed_places_are_found(train: RecordFiles) -> None:
    one, other = Path(list(train)[0]), Path(list(train)[2])
    records = records_of(one)
    write(other, records[::-1])
    listed = [ManifestFile(str(path), files.size(path), files.checksum(path)) for path in (one, other)]
    assert in_order(RecordFiles(listed)) == 2 * len(records) and listed[0].bytes == listed[1].bytes
    one.rename(one.with_name("aside"))
    other.rename(one)
    one.with_name("aside").rename(other)
    with pytest.raises(InputDataError, match=f"{one}: is damaged"), told_damage():
        in_order(RecordFiles(listed))


def test_each_file_is_read_once_for_its_checksum(train: RecordFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_COARSEST_CLOCK", 0.0)
    read, checksum = [], files.checksum
    monkeypatch.setattr(files, "checksum", lambda path: read.append(path) or checksum(path))
    for _ in range(3):
        assert shuffled(train) == in_order(train) == 20
    assert sorted(read) == sorted(train)
    # Another directory object of the same process, as an evaluation after a training has.
    assert in_order(RecordFiles(train.listed)) == 20 and len(read) == 3
    Path(list(train)[0]).write_bytes(Path(list(train)[0]).read_bytes())
    assert in_order(train) == 20 and len(read) == 4


def test_plain_paths_are_read_as_they_are(train: RecordFiles) -> None:
    reverse(Path(list(train)[0]))
    assert in_order(list(train)) == 20
    flip_a_bit(Path(list(train)[0]))
    with pytest.raises(InputDataError, match="a file of records is damaged: corrupted record at 12"), told_damage():
        in_order(list(train))


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError), told_damage():
        tf.reshape(tf.constant([1, 2]), [3])
    with pytest.raises(ValueError, match="InputDataError: no"), told_damage():
        raise ValueError("InputDataError: no")
