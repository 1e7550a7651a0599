"""What is decoded is what TFX's decoder makes of the same bytes, whatever they are, and an error where it has one."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from beam_jobs.tfrecords.column_decoder import ColumnDecoder
from tfgrec.graph.examples.example_wire import encode_examples
from tfgrec.graph.examples.ragged_column import RaggedColumn
from tfgrec.graph.schema import Feature

TYPES = {"int64": schema_pb2.INT, "float32": schema_pb2.FLOAT, "string": schema_pb2.BYTES}
COLUMNS = {"a": Feature("int64"), "b": Feature("float32"), "c": Feature("string"), "d": Feature("int64")}
INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 300)
VALUES = {
    "int64": INTEGERS,
    "float32": st.floats(width=32, allow_nan=False),
    "string": st.binary(max_size=6) | st.binary(min_size=120, max_size=140),
}


def theirs(records: Sequence[bytes]) -> pa.RecordBatch:
    schema = schema_pb2.Schema()
    for name, feature in COLUMNS.items():
        schema.feature.add(name=name, type=TYPES[feature.dtype])
    return ExamplesToRecordBatchDecoder(schema.SerializeToString()).DecodeBatch(list(records))


def outcome(decode: Callable[[Sequence[bytes]], pa.RecordBatch], records: Sequence[bytes]) -> object:
    """What is decoded, or that it can't be."""
    try:
        return decode(records)
    except RuntimeError:
        return None


@st.composite
def serialized(draw: st.DrawFn) -> list[bytes]:
    """Records of the same features, one of which is none of the columns, and one of which may be missing."""
    count = draw(st.integers(1, 6))
    dtypes = {name: feature.dtype for name, feature in COLUMNS.items()} | {"other": "string"}
    left_out = draw(st.sampled_from(["", "b", "d"]))
    columns = {}
    for name, dtype in dtypes.items():
        if name == left_out:
            continue
        lists = draw(st.lists(st.lists(VALUES[dtype], max_size=4), min_size=count, max_size=count))
        flat = [value for values in lists for value in values]
        values = pa.array(flat, pa.binary()) if dtype == "string" else np.array(flat, dtype)
        columns[name] = RaggedColumn(values, np.cumsum([0, *map(len, lists)]))
    return encode_examples(columns)


@settings(max_examples=40)
@given(serialized(), serialized(), st.randoms())
def test_records_of_one_layout_and_of_two(first: list[bytes], second: list[bytes], random: object) -> None:
    assert ColumnDecoder(COLUMNS).decode(first).equals(theirs(first))
    mixed = [*first, *second]
    random.shuffle(mixed)
    assert ColumnDecoder(COLUMNS).decode(mixed).equals(theirs(mixed))


@settings(max_examples=60)
@given(serialized(), st.data())
def test_any_bytes(records: list[bytes], data: st.DataObject) -> None:
    """One byte of a record is another one, or some are cut off."""
    place = data.draw(st.integers(0, len(records) - 1))
    record = bytearray(records[place])
    where = data.draw(st.integers(0, len(record) - 1))
    if data.draw(st.booleans()):
        record[where] = data.draw(st.integers(0, 255))
    else:
        del record[where:]
    records[place] = bytes(record)
    expected, found = outcome(theirs, records), outcome(ColumnDecoder(COLUMNS).decode, records)
    assert (found is None) == (expected is None)
    assert expected is None or found.equals(expected)


def feature(key: bytes, kind: int, values: bytes) -> bytes:
    value = bytes([kind, len(values)]) + values
    entry = bytes([0x0A, len(key)]) + key + bytes([0x12, len(value)]) + value
    return bytes([0x0A, len(entry)]) + entry


def example(*features: bytes) -> bytes:
    text = b"".join(features)
    return bytes([0x0A, len(text)]) + text


@pytest.mark.parametrize(
    "record",
    [
        example(feature(b"a", 0x1A, b"\x08\x05\x08\x06")),
        example(feature(b"a", 0x1A, b"\x0a\x01\x05\x0a\x01\x06")),
        example(feature(b"a", 0x1A, b"\x0a\x01\x05"), feature(b"a", 0x1A, b"\x0a\x01\x06")),
        example(feature(b"b", 0x12, b"\x0d\x00\x00\x80\x3f")),
        example(feature(b"a", 0x1A, b"\x0a\x0b" + b"\xff" * 9 + b"\x03\x07")),
        example(feature(b"a", 0x1A, b""), feature(b"c", 0x0A, b"")),
        example(),
        b"",
    ],
    ids=[
        "unpacked",
        "two packs",
        "a key twice",
        "unpacked float",
        "more than 64 bits",
        "empty",
        "no feature",
        "nothing",
    ],
)
def test_what_is_written_otherwise_is_read_all_the_same(record: bytes) -> None:
    usual = example(feature(b"a", 0x1A, b"\x0a\x01\x05"), feature(b"c", 0x0A, b"\x0a\x01x"))
    for records in ([record], [usual, record], [record, usual, usual]):
        assert ColumnDecoder(COLUMNS).decode(records).equals(theirs(records))


def test_usual_records_need_no_other_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = example(feature(b"a", 0x1A, b"\x0a\x02\x05\x06"), feature(b"c", 0x0A, b"\x0a\x01x"))
    decoder = ColumnDecoder(COLUMNS)
    monkeypatch.setattr(decoder, "_any", None)
    assert decoder.decode([usual, usual]).to_pydict() == {
        "a": [[5, 6]] * 2,
        "b": [None] * 2,
        "c": [[b"x"]] * 2,
        "d": [None] * 2,
    }
