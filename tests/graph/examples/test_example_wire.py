"""Examples written in wire format are what protobuf itself reads and tfx_bsl writes."""

import mmap

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from tfgrec.errors import InputDataError
from tfgrec.graph.examples import example_wire
from tfgrec.graph.examples.example_wire import encode_examples, varints
from tfgrec.graph.examples.ragged_column import RaggedColumn

INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 300)
FLOATS = st.floats(width=32, allow_nan=False)
BYTES = st.binary(max_size=5) | st.binary(min_size=120, max_size=140)
TYPES = {"int64": (pa.int64(), INTEGERS), "float32": (pa.float32(), FLOATS), "binary": (pa.binary(), BYTES)}


@st.composite
def record_batches(draw: st.DrawFn) -> pa.RecordBatch:
    num_rows = draw(st.integers(0, 5))
    # tfx_bsl cuts names at a NUL.
    names = draw(
        st.lists(
            st.text(min_size=1, max_size=6).filter(lambda name: "\0" not in name), min_size=1, max_size=4, unique=True
        )
    )
    columns = []
    for _ in names:
        kind, values = TYPES[draw(st.sampled_from(sorted(TYPES)))]
        rows = draw(st.lists(st.lists(values, max_size=6), min_size=num_rows, max_size=num_rows))
        columns.append(pa.array(rows, pa.list_(kind)))
    return pa.RecordBatch.from_arrays(columns, names=names)


def ragged(batch: pa.RecordBatch) -> dict[str, RaggedColumn]:
    """The columns of a record batch, which may be a slice of another one."""
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        values, splits = column.flatten(), column.offsets.to_numpy().astype(np.int64)
        kept = values.to_numpy() if pa.types.is_primitive(values.type) else values
        columns[name] = RaggedColumn(kept, splits - splits[0])
    return columns


@settings(max_examples=150)
@given(record_batches())
def test_reads_back_as_it_was_and_as_tfx_bsl_writes_it(batch: pa.RecordBatch) -> None:
    encoded = encode_examples(ragged(batch))
    reference = RecordBatchToExamplesEncoder().encode(batch) if batch.num_rows else []
    assert [tf.train.Example.FromString(row) for row in encoded] == [tf.train.Example.FromString(r) for r in reference]
    assert [len(row) for row in encoded] == [len(row) for row in reference]
    for row, serialized in enumerate(encoded):
        features = tf.train.Example.FromString(serialized).features.feature
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            assert list(getattr(features[name], features[name].WhichOneof("kind")).value) == column[row].as_py()


@given(record_batches())
def test_a_row_has_the_same_bytes_in_any_batch(batch: pa.RecordBatch) -> None:
    encoded = encode_examples(ragged(batch))
    assert [encode_examples(ragged(batch.slice(row, 1)))[0] for row in range(batch.num_rows)] == encoded
    order = np.argsort(batch.schema.names)[::-1]
    columns = [batch.column(int(i)) for i in order]
    reordered = pa.RecordBatch.from_arrays(columns, names=[batch.schema.names[i] for i in order])
    assert encode_examples(ragged(reordered)) == encoded


def test_rows_and_strings_longer_than_two_bytes_can_count() -> None:
    rows = [["x" * 100_000, "y"], [], ["z" * 20_000] * 3]
    batch = pa.RecordBatch.from_arrays([pa.array(rows), pa.array([[7] * 70_000, [1], []])], names=["text", "number"])
    for row, serialized in enumerate(encode_examples(ragged(batch))):
        features = tf.train.Example.FromString(serialized).features.feature
        assert [value.decode() for value in features["text"].bytes_list.value] == rows[row]
        assert len(features["number"].int64_list.value) == [70_000, 1, 0][row]


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 200), max_size=20))
def test_varints(values: list[int]) -> None:
    encoded, lengths = varints(np.array(values, np.uint64))
    assert len(encoded) == lengths.sum()
    for value, one in zip(values, np.split(encoded, np.cumsum(lengths)[:-1]), strict=False):
        digits = [int(byte) & 0x7F for byte in one]
        assert sum(digit << (7 * place) for place, digit in enumerate(digits)) == value
        assert [int(byte) >> 7 for byte in one] == [1] * (len(one) - 1) + [0]
        assert len(one) == 1 or digits[-1] > 0, "no byte more than it takes"


def test_a_batch_of_more_than_two_gigabytes_does_not_wrap() -> None:
    # Of a map that nobody writes to, a page is there once it is read.
    data = np.frombuffer(mmap.mmap(-1, 2**31 + 100, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.uint8)
    ends = np.array([0, 2**31 - 4, 2**31 + 6, 2**31 + 16])
    column = example_wire._binary(data, ends)
    assert pc.binary_length(column).to_pylist() == np.diff(ends).tolist()
    assert column[1].as_py() == column[2].as_py() == bytes(10)
    joined = example_wire._joined(example_wire._constant(b"x", 2), column.slice(1))
    assert joined.to_pylist() == [b"x" + bytes(10)] * 2


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_text_of_any_width_is_written_alike(kind: pa.DataType) -> None:
    def encoded(kind: pa.DataType) -> list[bytes]:
        values = pa.array(["a", "", "bb" * 100], pa.string()).cast(kind)
        return encode_examples({"x": RaggedColumn(values, np.array([0, 2, 3]))})

    assert encoded(kind) == encoded(pa.binary())


@pytest.mark.parametrize("values", [np.array([1.5]), np.array([1], np.int32), pa.array([1]), pa.array([[b"x"]])])
def test_other_columns_are_refused(values: np.ndarray | pa.Array) -> None:
    with pytest.raises(InputDataError, match="column 'x': expected int64, float32 or bytes"):
        encode_examples({"x": RaggedColumn(values, np.array([0, 1]))})


@pytest.mark.parametrize("longest", [0, 3, 127, 128])
def test_many_texts_of_one_row_are_written_as_those_of_several(longest: int) -> None:
    texts = pa.array([b"t" * (place % (longest + 1)) for place in range(200)], pa.binary()).slice(20, 150)
    alone = encode_examples({"x": RaggedColumn(texts, np.array([0, 150]))})
    assert alone == encode_examples({"x": RaggedColumn(texts, np.array([0, 150, 150]))})[:1]
