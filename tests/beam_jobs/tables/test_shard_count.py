"""Tests of how many shards a graph store gets where the configuration does not say."""

import pytest

from beam_jobs.tables.build_plan import shard_count
from beam_jobs.tables.table_files import TableFile, TableFiles

MIB = 1 << 20


def table(*sizes: int, folder: str = "log") -> TableFiles:
    files = tuple(TableFile(f"/data/{folder}/{n}.csv", f"{folder}/{n}.csv", size) for n, size in enumerate(sizes))
    return TableFiles(folder, files, (), frozenset(), ())


@pytest.mark.parametrize(
    ("mebibytes", "shards"), [(0, 1), (1, 1), (32, 1), (33, 2), (64, 2), (65, 4), (200, 8), (100_000, 512)]
)
def test_it_grows_with_the_bytes_of_the_files(mebibytes: int, shards: int) -> None:
    assert shard_count({"log": table(mebibytes * MIB)}) == shards


def test_all_files_of_all_tables_count_and_each_once() -> None:
    log, again, users = table(20 * MIB, 20 * MIB), table(20 * MIB, 20 * MIB), table(30 * MIB, folder="users")
    assert shard_count({"log": log, "log as nodes": again, "users": users}) == 4
