"""Globs over folders, folders that are columns, and files of all kinds of compression."""

import bz2
import gzip
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from shop_tables import SCHEMA, TABLES, Shop, run_config, tables_config, write_frames

from beam_jobs.build_graph import build_graph
from beam_jobs.sample_subgraphs import sample_subgraphs
from beam_jobs.tables.table_batches import read_part
from beam_jobs.tables.table_files import find_table, folder_columns, list_files
from tfgrec.config.tables import Table
from tfgrec.data.table_paths import TablePath
from tfgrec.errors import InputDataError
from tfgrec.graph.store.graph_store import GraphStore

FILES = [
    "log.csv",
    "log/part-0.csv",
    "log/part-1.csv",
    "log/_SUCCESS",
    "log/.part-1.csv.crc",
    "log/_temporary/part-1.csv",
    "log/date=2022-04-08/part-0.csv",
    "log/date=2022-04-08/part-1.csv",
    "log/date=2022-04-09/part-0.csv",
    "log/date=2022-04-09/hour=1/part-0.csv",
    "log/2022/04/08.csv",
    "logs/part-0.csv",
    "_raw/part-0.csv",
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with FILES."""
    data = tmp_path_factory.mktemp("tree")
    for name in FILES:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("id\n1\n")
    return data


def found_by_jobs(path: str, data: Path) -> list[str]:
    return [file.relative_path for file in list_files(Table(path=path), str(data))]


class TestGlobs:
    @pytest.mark.parametrize(
        ("path", "files"),
        [
            ("log.csv", ["log.csv"]),
            ("log/*.csv", ["log/part-0.csv", "log/part-1.csv"]),
            ("log/*", ["log/part-0.csv", "log/part-1.csv"]),
            ("log/date=2022-04-08/part-*.csv", FILES[6:8]),
            ("log/*/*.csv", FILES[6:9]),
            ("log/date=2022-04-0[89]/*.csv", FILES[6:9]),
            ("log/date=2022-04-0[!8]/*.csv", [FILES[8]]),
            ("log/date=*/**/*.csv", [FILES[6], FILES[7], FILES[9], FILES[8]]),
            ("log/**", [FILES[10], FILES[6], FILES[7], FILES[9], FILES[8], FILES[1], FILES[2]]),
            ("log/????/*/*.csv", [FILES[10]]),
            ("*/part-0.csv", ["log/part-0.csv", "logs/part-0.csv"]),
            ("_raw/*.csv", ["_raw/part-0.csv"]),
            ("log/part-2.csv", []),
            ("nowhere/*.csv", []),
        ],
    )
    def test_finds_what_a_user_expects(self, path: str, files: list[str], tree: Path) -> None:
        assert found_by_jobs(path, tree) == files

    @given(
        st.lists(
            st.sampled_from(["log", "date=", "*", "**", "/", "?", "[a-l]", "[!l]", "part-0", ".csv", "_"]), min_size=1
        )
    )
    @settings(max_examples=60, deadline=None)
    def test_tfgrec_train_finds_the_same_files(self, tree: Path, pieces: list[str]) -> None:
        path = "".join(pieces).lstrip("/") or "*"
        expected = [file.relative_to(tree).as_posix() for file in TablePath(path).find(tree)]
        assert found_by_jobs(path, tree) == sorted(expected)

    def test_a_folder_is_no_file(self, tree: Path) -> None:
        with pytest.raises(
            InputDataError, match=r"no file .*/log: that is a folder: give its files by a glob such as log/\*"
        ):
            find_table("t", Table(path="log"), str(tree), ["id"])

    @pytest.mark.parametrize("path", ["", "/data/log.csv", "gs://bucket/log.csv"])
    def test_paths_begin_at_the_data_folder(self, path: str) -> None:
        with pytest.raises(ValueError, match="begins at the data folder"):
            Table(path=path)


class TestLinks:
    def tree(self, tmp_path: Path) -> Path:
        data = tmp_path / "data"
        for folder in (data / "log" / "day=1", tmp_path / "other" / "day=2"):
            folder.mkdir(parents=True)
            (folder / "part.csv").write_text("id\n1\n")
        (data / "log" / "day=2").symlink_to("../../other/day=2")
        return data

    @pytest.mark.parametrize("path", ["log/*/part.csv", "log/**/*.csv", "**", "log/day=[12]/part.csv"])
    def test_are_followed(self, path: str, tmp_path: Path) -> None:
        assert found_by_jobs(path, self.tree(tmp_path)) == ["log/day=1/part.csv", "log/day=2/part.csv"]

    @pytest.mark.parametrize("path", ["log/*/part.csv", "log/**/*.csv", "log/*/*/*.csv", "log/*/*/*/*.csv"])
    def test_in_a_circle_are_followed_once(self, path: str, tmp_path: Path) -> None:
        data = self.tree(tmp_path)
        (data / "log" / "day=1" / "up").symlink_to("..")
        (data / "log" / "day=1" / "self").symlink_to(".")
        (tmp_path / "other" / "day=2" / "top").symlink_to("../../data")
        found = found_by_jobs(path, data)
        assert found == (["log/day=1/part.csv", "log/day=2/part.csv"] if "*/*/" not in path else [])

    def test_to_a_file_that_is_found_anyway_make_no_second_one(self, tmp_path: Path) -> None:
        data = self.tree(tmp_path)
        (data / "log" / "a-latest").symlink_to("day=1")
        (data / "log" / "day=1" / "again.csv").symlink_to("part.csv")
        assert found_by_jobs("log/*/*.csv", data) == ["log/day=1/part.csv", "log/day=2/part.csv"]

    @pytest.mark.parametrize("name", ["log/day=3", "log/day=1/part-2.csv"])
    def test_to_nothing_are_told(self, name: str, tmp_path: Path) -> None:
        data = self.tree(tmp_path)
        (data / name).symlink_to("gone")
        with pytest.raises(InputDataError, match=f"table 't': {data}/{name}: is a link to gone, which is not there"):
            find_table("t", Table(path="log/*/*.csv"), str(data), ["id"])
        assert found_by_jobs("log/day=[2]/*.csv", data) == ["log/day=2/part.csv"]


class TestGivenNames:
    """What is given by its name is no pattern."""

    @pytest.mark.parametrize("name", ["users[1].csv", "a*b.csv", "what?.csv", "in [x]/a.csv", "[!a].csv"])
    def test_of_files(self, name: str, tmp_path: Path) -> None:
        data = tmp_path / "da[t]a *"
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("id\n1\n")
        (data / "users1.csv").write_text("id\n2\n")
        assert found_by_jobs(name, data) == [name]
        table = find_table("t", Table(path=name), str(data), ["id"])
        (batch,) = read_part(table.parts[0], table.columns, 9)
        assert batch.columns.to_pydict() == {"id": ["1"]}

    def test_of_folders_above_a_glob(self, tmp_path: Path) -> None:
        for folder in ("logs [2024]/x", "logs [2024]/x[1]", "logs 2"):
            (tmp_path / folder).mkdir(parents=True)
            (tmp_path / folder / "part-0.csv").write_text("id\n1\n")
        assert found_by_jobs("logs [2024]/x[1]/part-*.csv", tmp_path) == ["logs [2024]/x[1]/part-0.csv"]
        assert found_by_jobs("logs [2024]/*/part-0.csv", tmp_path) == [
            "logs [2024]/x/part-0.csv",
            "logs [2024]/x[1]/part-0.csv",
        ]
        assert found_by_jobs("logs [2-3]/*.csv", tmp_path) == ["logs 2/part-0.csv"]


class TestFolderColumns:
    def test_are_cells_of_text(self) -> None:
        assert folder_columns("log/date=2022-04-08/hour=07/part-0=x.csv") == {"date": "2022-04-08", "hour": "07"}
        assert folder_columns("a%20b=c%3Dd/e=f=g/h=/=i/x.csv") == {"a b": "c=d", "e": "f=g", "h": ""}
        assert folder_columns("date=__HIVE_DEFAULT_PARTITION__/x.csv") == {"date": None}

    def test_are_read_where_the_file_has_no_such_column(self, tmp_path: Path) -> None:
        for day, content in (("8", "id\n1\n2\n"), ("9", "day,id\nnine,3\n")):
            (tmp_path / f"day={day}").mkdir()
            (tmp_path / f"day={day}" / "t.csv").write_text(content)
        pd.DataFrame({"id": [4, 5]}).to_parquet(tmp_path / "day=9" / "u.parquet")
        table = find_table("t", Table(path="*/*"), str(tmp_path), ["id", "day"])
        rows = [
            row
            for part in table.parts
            for batch in read_part(part, table.columns, 9)
            for row in batch.columns.to_pylist()
        ]
        assert [(int(row["id"]), row["day"]) for row in rows] == [(1, "8"), (2, "8"), (3, "nine"), (4, "9"), (5, "9")]

    def test_a_column_that_is_nowhere(self, tmp_path: Path) -> None:
        (tmp_path / "day=8").mkdir()
        (tmp_path / "day=8" / "t.csv").write_text("id\n1\n")
        with pytest.raises(
            InputDataError, match=r"table 't': .*day=8/t.csv: has no column 'days': did you mean 'day'\?"
        ):
            find_table("t", Table(path="*/t.csv"), str(tmp_path), ["id", "days"])

    def test_a_log_in_day_folders_makes_the_same_graph_and_records(self, shop: Shop, tmp_path: Path) -> None:
        """The log's dates, by which the records are split, are in the names of folders alone."""
        live = shop.frames["live"].assign(date="2022-04-0" + shop.frames["live"]["day"].astype(str))
        data = write_frames(shop.frames | {"live": live.drop(columns="day")}, tmp_path / "data")
        for file in data.glob("log-*.csv"):
            file.unlink()
        for day, rows in shop.frames["log"].groupby("day"):
            folder = data / "log" / f"date=2022-04-0{day}"
            folder.mkdir(parents=True)
            for part in (0, 1):
                rows.drop(columns="day").iloc[part::2].to_parquet(folder / f"part-{part}.parquet")
        log = {**TABLES["tables"]["log"], "path": "log/*/*.parquet"}
        split = yaml.safe_load("{column: date, train: [2022-04-01, 2022-04-04], validation: [2022-04-05, 2022-04-06]}")
        tables = tables_config(tables={**TABLES["tables"], "log": log})
        common = {"config": run_config(split=split), "tables": tables, "schema": SCHEMA, "data_dir": str(data)}
        graph = build_graph(**common, output_dir=str(tmp_path / "graph"))
        expected = GraphStore.open(shop.graph).manifest
        assert (graph["node_sets"], graph["edge_sets"]) == (expected["node_sets"], expected["edge_sets"])
        records = sample_subgraphs(**common, graph_dir=str(tmp_path / "graph"), output_dir=str(tmp_path / "examples"))
        written, wanted = (
            {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.tfrecord")}
            for folder in (tmp_path / "examples", shop.examples)
        )
        assert written == wanted
        assert records["tables"]["log"]["rows"] == len(shop.frames["log"])


class TestCompression:
    @pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.bz2", "t.csv.zst", "T.CSV.GZ"])
    def test_csv(self, name: str, tmp_path: Path) -> None:
        content = b"id\n1\n2\n"
        packed = {"gz": gzip.compress, "bz2": bz2.compress, "zst": lambda data: pa.compress(data, "zstd", asbytes=True)}
        (tmp_path / name).write_bytes(packed[name.lower().rpartition(".")[2]](content))
        table = find_table("t", Table(path=name), str(tmp_path), ["id"])
        (batch,) = read_part(table.parts[0], ("id",), 9)
        assert batch.columns.to_pydict() == {"id": ["1", "2"]}

    def test_a_declared_format_overrules_the_suffix(self, tmp_path: Path) -> None:
        (tmp_path / "part-0").write_text("id\n1\n")
        (tmp_path / "part-1.gz").write_bytes(gzip.compress(b"id\n2\n"))
        pd.DataFrame({"id": [3]}).to_parquet(tmp_path / "t.csv")
        plain = find_table("t", Table(path="part-*", format="csv"), str(tmp_path), ["id"])
        typed = find_table("t", Table(path="t.csv", format="parquet"), str(tmp_path), ["id"])
        cells = [
            batch.columns.to_pydict()["id"]
            for part in (*plain.parts, *typed.parts)
            for batch in read_part(part, ("id",), 9)
        ]
        assert cells == [["1"], ["2"], [3]]

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("t.parquet.gz", "a Parquet file is compressed inside"),
            ("t.xlsx", "expected a file that ends in .csv, .parquet, .pq, .tfrecord"),
            ("t", "or give the table a format"),
        ],
    )
    def test_files_that_are_no_tables(self, name: str, message: str, tmp_path: Path) -> None:
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(InputDataError, match=f"table 't': .*{message}"):
            find_table("t", Table(path=name), str(tmp_path), ["id"])
