"""Times of a log that has order but none."""

from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from beam_jobs.running.facts import read_facts
from beam_jobs.running.pipelines import run_pipeline
from beam_jobs.tables.counted_back import _orders, dated_back
from beam_jobs.tables.read_table import ReadTable
from beam_jobs.tables.table_files import find_table
from tfgrec.config.sampling import BuildConfig
from tfgrec.config.tables import Table

TABLE = Table.model_validate(
    {
        "path": "log-*.csv",
        "time": {
            "column": "newest",
            "unit": "milliseconds",
            "counted_back": {"order": "position", "within": "user", "step_seconds": 1.5},
        },
    }
)


def _rows(batch: Any) -> list[dict]:
    return [{"kind": "row", **row} for row in batch.to_pylist()]


class _Rows(beam.PTransform):
    """The rows of a table as facts."""

    def __init__(self, folder: Path, options: BuildConfig, table: Table) -> None:
        super().__init__()
        self._files = find_table("log", table, str(folder), ["id", "user", "position", "newest"])
        self._options, self._work = options, str(folder)

    def expand(self, root: beam.Pipeline) -> beam.PCollection:
        read = root | ReadTable(self._files, self._options, time=TABLE.time, work=self._work)
        return read.batches | beam.FlatMap(_rows)


def test_the_last_row_of_a_group_keeps_its_time() -> None:
    groups, times = np.array([4, 4, 4, 1, 2, 2]), np.array([0, 0, 90, 50, 0, 70])
    assert dated_back(groups, times, 10).tolist() == [70, 80, 90, 50, 60, 70]


@pytest.mark.parametrize(("rows_per_batch", "typed"), [(7, False), (1_000, False), (7, True)])
def test_times_are_those_of_pandas(rows_per_batch: int, typed: bool, tmp_path: Path) -> None:
    """Groups lie across files and batches; positions have gaps, ties and no order in the file; types may differ."""
    random = np.random.default_rng(5)
    log = pd.DataFrame({"id": range(200), "user": random.integers(0, 20, 200), "position": random.integers(0, 99, 200)})
    log["newest"] = 10**12 + log["user"] * 10**6 + log["position"]
    if typed:
        log.iloc[:90].to_parquet(tmp_path / "log-a.csv")
        log.iloc[90:120].astype({"user": float, "position": float}).to_parquet(tmp_path / "log-b.csv")
        log.iloc[120:150].astype({"user": "category", "position": str}).to_parquet(tmp_path / "log-c.csv")
        log.iloc[150:].astype({"user": str, "newest": float}).to_parquet(tmp_path / "log-d.csv")
    else:
        log.iloc[:90].to_csv(tmp_path / "log-a.csv", index=False)
        log.iloc[90:].to_csv(tmp_path / "log-b.csv", index=False)

    options = BuildConfig(shards=3, rows_per_batch=rows_per_batch)
    found = pd.DataFrame(
        run_pipeline(
            _Rows(tmp_path, options, TABLE.model_copy(update={"format": "parquet" if typed else "csv"})),
            str(tmp_path / "rows.json"),
            [],
        )
    )
    assert len(read_facts(str(tmp_path / "rows.json"))) == len(log)

    ordered = log.sort_values("position", kind="stable").groupby("user")
    steps = ordered.cumcount(ascending=False).sort_index()
    expected = ordered["newest"].transform("last").sort_index() - steps * 1_500
    times = found.assign(id=found["id"].astype(int)).set_index("id")["#time"].sort_index()
    assert times.tolist() == expected.tolist()


def test_orders_of_long_numbers_stay_apart_beside_a_fraction() -> None:
    orders = pa.array([str(2**53 + 1), str(2**53), "0.5"])
    wholes, fractions = _orders(orders)
    assert wholes.tolist() == [2**53 + 1, 2**53, 0]
    assert fractions.tolist()[2] == 0.5 and wholes[0] > wholes[1]
