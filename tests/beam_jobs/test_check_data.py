"""Tables that are spoiled in known ways are told of all at once, by file, key and column; good ones pass."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny_world
import yaml

from beam_jobs.check_data import check_data
from tfgrec.checks.table_findings import DataFindings
from tfgrec.config import load_run_config, load_tables_config

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    tiny_world.write_tiny_world(tmp_path)
    return tmp_path


def findings(world: Path, *overrides: str, rows: int = 1_000) -> DataFindings:
    config = load_run_config(world / "config.yaml", overrides)
    return check_data(config, load_tables_config(config.schema_dir), str(world / "data"), rows)


def edit_tables(world: Path, edit: Edit) -> None:
    path = world / "schema" / "tables.yaml"
    values = yaml.safe_load(path.read_text())
    edit(values)
    path.write_text(yaml.safe_dump(values))


def edit_log(world: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = world / "data" / "log.parquet"
    edit(pd.read_parquet(path)).to_parquet(path, index=False)


def only(lines: list[str], *parts: str) -> str:
    [line] = [line for line in lines if all(part in line for part in parts)]
    return line


def test_a_good_world_has_no_problem(world: Path) -> None:
    found = findings(world)
    assert (found.problems, found.notes) == ([], [])
    assert {table.name: (table.files, table.rows, table.bad_rows, table.whole) for table in found.tables} == {
        "users": (1, 12, 0, True),
        "items": (1, 10, 0, True),
        "log": (1, 160, 0, True),
    }
    assert found.tables[0].bytes > 0
    assert DataFindings.from_json(found.to_json()) == found


def test_all_that_is_not_there_is_told_at_once(world: Path) -> None:
    def misspell(values: dict[str, Any]) -> None:
        values["node_sets"]["item"] |= {"id": "items", "features": {"price": "prise"}}
        values["tables"]["users"]["path"] = "user.csv"

    edit_tables(world, misspell)
    problems = findings(world).problems
    data = world / "data"
    assert set(problems) == {
        f"table 'users': there is no file {data}/user.csv: did you mean 'users.csv'?",
        f"table 'items': {data}/items.csv: has no column 'items': did you mean 'item'?",
        f"table 'items': {data}/items.csv: has no column 'prise': did you mean 'price'?",
    }


def test_cells_that_do_not_fit_are_told_with_their_rows(world: Path) -> None:
    (world / "data" / "items.csv").write_text("item,price\n" + "".join(f"{item},cheap\n" for item in range(10)))
    edit_log(world, lambda log: log.assign(time=log["time"] // 1_000, click=log["click"] * 2, user=log["user"] + 3))
    problems = findings(world).problems
    assert only(problems, "table 'items': 10 of 10 rows looked at are bad for the graph")
    assert only(problems, "price: is not a finite number: 10 rows")
    assert only(problems, "items.csv row 1: ", '"price": "cheap"')
    assert only(problems, "table 'log': 160 of 160 rows looked at are bad for requests")
    assert "  time: is not a time in milliseconds between 1971 and 2200: 160 rows" in problems


def test_labels_and_joins_are_those_of_the_rows(world: Path) -> None:
    edit_log(world, lambda log: log.assign(click=log["click"] * 2, user=log["user"] + 3))
    log = pd.read_parquet(world / "data" / "log.parquet")
    problems = findings(world).problems
    assert only(problems, "model.tasks.click", "learns labels 0 and 1, found 0 and 2")
    in_splits = log[log["day"].between(1, 4)]
    unknown = [f"  user: is no known user: {(rows['user'] >= 12).sum():,} rows" for rows in (log, in_splits)]
    assert [line for line in problems if line.startswith("  user: ")] == unknown


def test_a_where_that_matches_nothing_is_a_problem_only_if_all_rows_were_read(world: Path) -> None:
    def want(values: dict[str, Any]) -> None:
        values["edge_sets"]["shown"]["sources"][0]["where"] = {"click": 7}

    edit_tables(world, want)
    whole, some = findings(world), findings(world, rows=100)
    assert only(whole.problems, "edge_sets.shown: where: no row of table 'log' has 7 in column 'click'")
    assert some.problems == []
    assert only(some.notes, "no row of table 'log' has 7", "among 100 rows looked at")


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("split.validation=[7, 9]", "split.validation: there is not one request from 7 to 9: column 'day' goes from 0"),
        ("split.train=[1, 4]", "split.validation overlaps split.train: 'day' 4 is in both"),
        ("split.column=date", "log.parquet: has no column 'date': known: "),
        ("sampling.hops.0.shown={fan_out: 3, strategy: weighted, weight: prise}", "sampling.hops.0.shown.weight"),
    ],
)
def test_the_run_is_held_to_the_tables(world: Path, override: str, complaint: str) -> None:
    assert any(complaint in line for line in findings(world, override).problems)


def test_ids_that_come_again_are_counted(world: Path) -> None:
    items = pd.read_csv(world / "data" / "items.csv")
    pd.concat([items, items.head(3)]).to_csv(world / "data" / "items.csv", index=False)
    assert only(findings(world).problems, "node_sets.item.id: 3 of 13 rows of table 'items' name an id of an earlier")


def test_schema_files_that_do_not_fit_hide_no_missing_column(world: Path) -> None:
    def misspell(values: dict[str, Any]) -> None:
        values["node_sets"]["item"]["features"] = {"prise": "prise"}

    edit_tables(world, misspell)
    found = findings(world)
    assert only(found.problems, "node_sets.item.features: 'prise' is not in graph.pbtxt: did you mean 'price'?")
    assert only(found.problems, "has no column 'prise'")
    assert only(found.notes, "rows were not looked at")
