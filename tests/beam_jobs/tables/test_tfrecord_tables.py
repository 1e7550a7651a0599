"""TFRecord files of tf.Examples as tables: what is read, what is a bad row, what is refused."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from shop_tables import SCHEMA, Shop, make_frames, run_config, tables_config, write_frames

from beam_jobs.build_graph import build_graph
from beam_jobs.sample_subgraphs import sample_subgraphs
from beam_jobs.tables.several_values import columns_of_several
from beam_jobs.tables.table_batches import read_part
from beam_jobs.tables.table_files import find_table
from beam_jobs.tables.tfrecord_tables import ExampleDecoder
from beam_jobs.tfrecords.tfrecord_shards import write_records
from tfgrec.config.tables import Table
from tfgrec.errors import InputDataError
from tfgrec.graph.store.graph_store import GraphStore


def example(**features: Any) -> bytes:
    """A serialized tf.Example; a feature is a list of values, or None for one that is there and empty."""

    def feature(values: list | None) -> tf.train.Feature:
        if not values:
            return tf.train.Feature()
        if isinstance(values[0], int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        if isinstance(values[0], float):
            return tf.train.Feature(float_list=tf.train.FloatList(value=values))
        encoded = [value.encode() if isinstance(value, str) else value for value in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))

    named = {name: feature(values) for name, values in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString()


def write_frame(frame: pd.DataFrame, path: Path, several: Sequence[str] = ()) -> None:
    """A frame as a TFRecord file: an empty cell is a feature that is not there."""
    records = []
    for row in frame.to_dict("records"):
        features = {name: [value] for name, value in row.items() if name not in several and not pd.isna(value)}
        records.append(example(**features, **{name: [of for of in row[name].split("|") if of] for name in several}))
    with tf.io.TFRecordWriter(str(path), "GZIP" if path.suffix == ".gz" else "") as writer:
        for record in records:
            writer.write(record)


def read(path: Path, columns: Sequence[str], several: Sequence[str] = (), rows_per_batch: int = 100) -> tuple:
    """Rows with their positions, and the malformed ones."""
    table = find_table("t", Table(path=path.name), str(path.parent), columns, several)
    rows, malformed = [], []
    for part in table.parts:
        for batch in read_part(part, table.columns, rows_per_batch, table.several):
            cells = [column.to_pylist() for column in batch.columns.columns]
            rows += zip(batch.rows.tolist(), *cells, strict=True)
            malformed += [(row.row, row.reason) for row in batch.malformed]
    return rows, malformed


class TestRows:
    @pytest.mark.parametrize("rows_per_batch", [1, 2, 100])
    def test_bad_records_keep_their_places_and_so_do_the_others(self, rows_per_batch: int, tmp_path: Path) -> None:
        records = [
            example(id=[1], name=["a"], tags=["x", "y"], unused=[1.5]),
            example(id=[2], tags=None),
            b"no example",
            example(id=[3, 4], name=["c"]),
            example(id=[1.5], name=["d"]),
            example(id=[5], name=[b"caf\xe9"], tags=["z"]),
            example(name=["f"], tags=[b"\xff"]),
            example(name=["g"], tags=["w"]),
        ]
        write_records(str(tmp_path / "t.tfrecord"), records)
        rows, malformed = read(tmp_path / "t.tfrecord", ["id", "name", "tags"], ["tags"], rows_per_batch)
        assert rows == [(1, 1, "a", ["x", "y"]), (2, 2, None, []), (8, None, "g", ["w"])]
        like = "is no tf.Example like the first ones of its file"
        assert malformed == [
            (3, f"{like}: Unable to parse example."),
            (4, "id: has 2 values where one is expected"),
            (5, f'{like}: Feature had wrong type, expected int64_list, found float_list for feature "id"'),
            (6, "name: is not UTF-8 text"),
            (7, "tags: is not UTF-8 text"),
        ]

    @given(
        st.lists(
            st.fixed_dictionaries(
                {},
                optional={"id": st.integers(-(2**63), 2**63 - 1), "name": st.text(max_size=3), "tags": st.text("ab|")},
            ),
            max_size=9,
        )
    )
    @settings(max_examples=30, deadline=None)
    def test_every_value_comes_back(self, rows: list[dict]) -> None:
        given = [{"id": [0]}, *({name: [value] for name, value in row.items()} for row in rows)]
        given = [{**row, "tags": row["tags"][0].split("|")} if "tags" in row else row for row in given]
        records = [example(**row) for row in given]
        batch, positions, unreadable = ExampleDecoder(records, ["id", "name", "tags"], {"tags"}).decode(records)
        assert positions.tolist() == list(range(len(records))) and not unreadable
        assert batch.column(0).to_pylist() == [row.get("id", [None])[0] for row in given]
        assert batch.column(1).to_pylist() == [row.get("name", [None])[0] for row in given]
        assert batch.column(2).to_pylist() == [row.get("tags", []) for row in given]

    def test_types_do_not_depend_on_the_batch(self) -> None:
        decoder = ExampleDecoder([example(id=[1], age=[0.5])], ["id", "age", "never"], ())
        for record in (example(id=[1], age=[0.5]), example(), example(age=None)):
            batch, _, _ = decoder.decode([record])
            assert batch.schema.types == [pa.int64(), pa.float32(), pa.string()]


class TestWholeJobs:
    @pytest.mark.slow
    def test_records_are_those_of_csv_and_parquet(self, shop: Shop, tmp_path: Path) -> None:
        """The same tables.yaml but for suffixes: plain, gzipped, and a file whose format is declared."""
        data = write_frames(shop.frames, tmp_path / "data")
        log = shop.frames["log"]
        for name in ("videos.parquet", "log-1.csv", "log-2.csv", "rooms.csv"):
            (data / name).unlink()
        write_frame(shop.frames["videos"], data / "videos.tfrecord", ["tags"])
        write_frame(log.iloc[:150], data / "log-1.tfrecord.gz")
        write_frame(log.iloc[150:], data / "log-2.tfrecord.gz")
        write_frame(shop.frames["rooms"], data / "rooms")
        declared = tables_config().model_dump()["tables"]
        declared["videos"]["path"], declared["log"]["path"] = "videos.tfrecord", "log-*.tfrecord.gz"
        declared["rooms"] = {"path": "rooms", "format": "tfrecord"}
        tables, graph, examples = tables_config(tables=declared), tmp_path / "graph", tmp_path / "examples"
        common = {"config": run_config(), "tables": tables, "schema": SCHEMA, "data_dir": str(data)}
        built = build_graph(**common, output_dir=str(graph))
        sampled = sample_subgraphs(**common, graph_dir=str(graph), output_dir=str(examples))
        expected = GraphStore.open(shop.graph).manifest
        assert built["node_sets"] == expected["node_sets"] and built["edge_sets"] == expected["edge_sets"]
        assert sampled["splits"] == json.loads((shop.examples / "manifest.json").read_text())["splits"]

    @pytest.mark.slow
    def test_bad_records_are_dead_letters(self, tmp_path: Path) -> None:
        frames = make_frames(rows=80)
        data = write_frames(frames, tmp_path / "data")
        (data / "videos.parquet").unlink()
        with tf.io.TFRecordWriter(str(data / "videos.tfrecord"), "") as writer:
            for number, video in enumerate(frames["videos"]["video"]):
                author = ["a", "b"] if number == 3 else ["a"]
                writer.write(example(video=[video], author=author, price=[1.0], tags=None))
        declared = tables_config().model_dump()["tables"]
        declared["videos"]["path"] = "videos.tfrecord"
        manifest = build_graph(
            config=run_config(build={"max_bad_row_share": 0.2}),
            tables=tables_config(tables=declared),
            schema=SCHEMA,
            data_dir=str(data),
            output_dir=str(tmp_path / "graph"),
        )
        assert manifest["extra"]["tables"]["videos"]["reasons"] == {"author: has 2 values where one is expected": 1}
        (letters,) = (tmp_path / "graph" / "dead_letters").glob("videos-*.jsonl")
        (letter,) = map(json.loads, letters.read_text().splitlines())
        assert (letter["row"], letter["file"]) == (4, str(data / "videos.tfrecord"))


class TestRefusals:
    def test_a_column_that_no_first_record_has(self, tmp_path: Path) -> None:
        write_records(str(tmp_path / "t.tfrecord"), [example(id=[1]), example(id=[2], nmae=["x"])])
        with pytest.raises(InputDataError, match="table 't': .*t.tfrecord: has no column 'name': did you mean 'nmae'?"):
            read(tmp_path / "t.tfrecord", ["id", "name"])

    @pytest.mark.parametrize(("at", "record"), [(3, 0), (-2, 999), (-40, 998)])
    def test_damage_names_the_record(self, at: int, record: int, tmp_path: Path) -> None:
        path = tmp_path / "t.tfrecord"
        write_records(str(path), [example(id=[number]) for number in range(1_000)])
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        path.write_bytes(content)
        with pytest.raises(InputDataError, match=f"table 't': .*t.tfrecord: record {record}: is damaged"):
            read(path, ["id"])

    @pytest.mark.parametrize("kept", [12, 400, -1])
    def test_a_compressed_file_cut_short(self, kept: int, tmp_path: Path) -> None:
        path = tmp_path / "t.tfrecord"
        write_records(
            str(path), [example(id=[int(number)]) for number in np.random.default_rng(1).integers(0, 2**60, 3_000)]
        )
        path.with_name("t.tfrecord.gz").write_bytes(gzip.compress(path.read_bytes())[:kept])
        with pytest.raises(InputDataError, match="table 't': .*t.tfrecord.gz"):
            read(path.with_name("t.tfrecord.gz"), ["id"])

    def test_a_file_of_another_kind(self, tmp_path: Path) -> None:
        (tmp_path / "t.tfrecord").write_text("id,name\n1,a\n")
        with pytest.raises(InputDataError, match="table 't': .*t.tfrecord: record 0: is damaged"):
            read(tmp_path / "t.tfrecord", ["id"])

    def test_a_file_without_records_has_no_rows(self, tmp_path: Path) -> None:
        (tmp_path / "t.tfrecord").write_bytes(b"")
        assert read(tmp_path / "t.tfrecord", ["id"]) == ([], [])


def test_columns_of_several_values_are_told_by_the_schema_and_by_separators() -> None:
    several = columns_of_several(tables_config(), SCHEMA)
    assert several["videos"] == {"tags"}
    assert not any(columns for table, columns in several.items() if table != "videos")
