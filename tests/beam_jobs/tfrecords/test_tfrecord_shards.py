"""TFRecord files against TensorFlow's own reader, and what damage is found."""

from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.tfrecords.tfrecord_shards import masked_crc32c, read_records, write_records
from tfgrec.errors import InputDataError, OutputError
from tfgrec.files import checksum

RECORDS = [b"", b"a", bytes(range(256)) * 300]


def test_tensorflow_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "part.tfrecord"
    written = write_records(str(path), RECORDS)
    assert [record.numpy() for record in tf.data.TFRecordDataset(str(path))] == RECORDS
    assert written.bytes == path.stat().st_size and written.sha256 == checksum(path)
    assert [child.name for child in tmp_path.iterdir()] == ["part.tfrecord"]


def test_reads_what_tensorflow_writes(tmp_path: Path) -> None:
    path = str(tmp_path / "part.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for record in RECORDS:
            writer.write(record)
    assert list(read_records(path)) == RECORDS


@given(data=st.binary(max_size=64))
def test_crc32c_is_that_of_the_definition(data: bytes) -> None:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    assert masked_crc32c(data) == (((crc >> 15) | (crc << 17 & 0xFFFFFFFF)) + 0xA282EAD8) % 2**32


def test_a_writer_that_dies_leaves_no_file_of_that_name(tmp_path: Path) -> None:
    def records() -> object:
        yield b"one"
        raise OSError("the disk is full")

    with pytest.raises(OutputError, match="part.tfrecord: can't be written: the disk is full"):
        write_records(str(tmp_path / "part.tfrecord"), records())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("cut", "flip", "record"), [(None, 3, 0), (None, 12 + 4 + 12, 1), (-3, None, 2), (20, None, 1)]
)
def test_damage_is_found_and_its_record_named(cut: int | None, flip: int | None, record: int, tmp_path: Path) -> None:
    path = tmp_path / "part.tfrecord"
    write_records(str(path), RECORDS)
    content = bytearray(path.read_bytes()[:cut])
    if flip is not None:
        content[flip] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputDataError, match=f"part.tfrecord: record {record}: is damaged"):
        list(read_records(str(path)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputDataError, match="none.tfrecord"):
        list(read_records(str(tmp_path / "none.tfrecord")))
