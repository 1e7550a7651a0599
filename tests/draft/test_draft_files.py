"""Drafts of tables whose roles are known fit the tables and one another; what can't be told is asked for."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from beam_jobs.check_data import check_data
from tfgrec.checks.preflight import check_run
from tfgrec.config import load_run_config, load_tables_config
from tfgrec.draft.draft_files import Draft, make_draft, write_files
from tfgrec.draft.roles import Flags
from tfgrec.errors import ConfigurationError, InputDataError, OutputError
from tfgrec.simulation import WorldSettings, create_world, simulate_interactions, write_tables

_DAY = 86_400


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of the demo, small."""
    folder = tmp_path_factory.mktemp("app")
    world = create_world(WorldSettings(users=60, videos=50, live_rooms=20, authors=12, days=4, impressions=1_500))
    write_tables(world, simulate_interactions(world), folder)
    return folder


def write_shop(folder: Path, *, rows: int = 400) -> Path:
    """A log by itself: customers and products are known from it alone, times are text."""
    random, data = np.random.default_rng(1), folder / "data"
    data.mkdir()
    moments = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(random.integers(0, 20 * _DAY, rows)), unit="s")
    log = {
        "customer_id": random.integers(0, 20, rows),
        "sku": [f"p{item:03}" for item in random.integers(0, 30, rows)],
        "seen_at": moments.strftime("%Y-%m-%d %H:%M:%S"),
        "price": random.random(rows).round(2),
        "bought": random.integers(0, 2, rows),
    }
    pd.DataFrame(log).to_csv(data / "views.csv", index=False)
    return data


def draft_of(data: Path, **flags: object) -> Draft:
    return make_draft("drafted", data, Flags(**flags), [])


def problems_of(draft: Draft, folder: Path, data: Path) -> list[str]:
    """What tfgrec-check says of a draft."""
    write_files(folder, draft.files)
    config = load_run_config(folder / "run.yaml")
    tables = load_tables_config(config.schema_dir)
    check_run(config, tables)
    return check_data(config, tables, str(data), 100_000).problems


def test_the_app_is_drafted_as_its_schema_is_and_fits(app: Path, tmp_path: Path) -> None:
    draft = draft_of(app)
    assert problems_of(draft, tmp_path / "draft", app) == []
    tables = load_tables_config(tmp_path / "draft")
    assert {name: (source.table, source.id) for name, source in tables.node_sets.items()} == {
        "user": ("users", "user_id"),
        "video": ("videos", "video_id"),
        "author": ("authors", "author_id"),
        "room": ("live_rooms", "room_id"),
    }
    assert tables.requests.sources[0].model_dump() == {
        "table": "video_views",
        "user": "user_id",
        "item": "video_id",
        "item_node_set": "video",
        "group_by": ["scenario"],
    }
    assert set(tables.requests.labels) == {"is_click", "long_view", "is_like"}
    assert tables.tables["video_views"].time.model_dump(exclude_none=True) == {
        "column": "time_ms",
        "unit": "milliseconds",
    }
    tags = tables.node_sets["video"].features["tags"]
    assert (tags.column, tags.separator) == ("tags", ",")
    timed = {"follows", "live_visits", "shown", "with_is_click", "with_long_view", "with_is_like"}
    assert {name for name, of in tables.edge_sets.items() if of.sources} == timed | {
        "video_to_author",
        "room_to_author",
    }
    assert "truth" in draft.left


def test_the_splits_of_a_draft_follow_one_another_and_hold_most_rows(app: Path, tmp_path: Path) -> None:
    write_files(tmp_path, draft_of(app).files)
    split = load_run_config(tmp_path / "run.yaml").split
    times = pd.read_parquet(app / "video_views.parquet")["time_ms"]
    shares = [times.between(*bounds).mean() for bounds in (split.train, split.validation, split.test)]
    assert split.train[1] < split.validation[0] and split.validation[1] < split.test[0]
    assert shares == pytest.approx([0.7, 0.1, 0.1], abs=0.01)
    assert split.test[1] == times.max()


def test_counts_and_rates_of_several_labels_are_written_as_one(app: Path, tmp_path: Path) -> None:
    draft = draft_of(app)
    write_files(tmp_path, draft.files)
    assert 'edge_set: "with_*_by", each: [is_click, long_view, is_like]' in draft.files["tables.yaml"]
    requests, rates = load_tables_config(tmp_path).requests, load_run_config(tmp_path / "run.yaml").model.rates
    for of, suffix in (("user", ""), ("item", "_by")):
        for label in ("is_click", "long_view", "is_like"):
            assert requests.temporal_degrees[f"{of}_{label}"].edge_set == f"with_{label}{suffix}"
            assert (rates[f"{of}_{label}_rate"].of, rates[f"{of}_{label}_rate"].over) == (
                f"{of}_{label}",
                [f"{of}_shown"],
            )


def test_a_log_alone_makes_users_and_items_of_its_columns(tmp_path: Path) -> None:
    data = write_shop(tmp_path)
    assert problems_of(draft_of(data), tmp_path / "draft", data) == []
    tables = load_tables_config(tmp_path / "draft")
    assert {name: source.id for name, source in tables.node_sets.items()} == {"customer": "customer_id", "sku": "sku"}
    assert tables.tables["views"].time.format == "iso8601"
    split = load_run_config(tmp_path / "draft" / "run.yaml").split
    days = pd.read_csv(data / "views.csv")["seen_at"].str[:10]
    first, cut, second_cut = (days.iloc[int(share * (len(days) - 1))] for share in (0.1, 0.8, 0.9))
    assert (split.train[0], split.validation[0], *split.test) == (first, cut, second_cut, days.iloc[-1])
    for earlier, later in ((split.train, split.validation), (split.validation, split.test)):
        assert pd.Timestamp(earlier[1]) == pd.Timestamp(later[0]) - pd.Timedelta(days=1)


def test_a_log_of_few_days_has_no_test_part(tmp_path: Path) -> None:
    data = write_shop(tmp_path)
    path = data / "views.csv"
    log = pd.read_csv(path)
    log["seen_at"] = np.where(np.arange(len(log)) < 300, "2024-01-01", "2024-01-02") + log["seen_at"].str[10:]
    log.to_csv(path, index=False)
    write_files(tmp_path / "draft", draft_of(data).files)
    split = load_run_config(tmp_path / "draft" / "run.yaml").split
    assert (split.train, split.validation, split.test) == (("2024-01-01",) * 2, ("2024-01-02",) * 2, None)


def test_what_was_guessed_is_marked_and_what_was_given_is_not(tmp_path: Path) -> None:
    data = write_shop(tmp_path)
    guessed = draft_of(data).files["tables.yaml"]
    given = draft_of(data, log="views", time="seen_at", labels=("bought",), users="views.customer_id")
    assert "# guessed, log: " in guessed
    assert "# guessed, labels: columns of 0 and 1" in guessed
    for role in ("log", "time", "labels", "users"):
        assert f"# guessed, {role}: " not in given.files["tables.yaml"]
    assert "# guessed, items: " in given.files["tables.yaml"]


def test_a_log_that_dates_all_rows_of_a_user_alike_is_left_out(tmp_path: Path) -> None:
    data = write_shop(tmp_path)
    history = pd.read_csv(data / "views.csv").assign(seen_at="2024-01-01 00:00:00", gone=1)
    pd.concat([history] * 2).to_csv(data / "history.csv", index=False)
    draft = draft_of(data)
    assert draft.roles.log.name == "views"
    assert "history" in draft.left


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ({"log": "view"}, "--log view: there is no such table: did you mean 'views'?"),
        ({"log": "views", "time": "seen"}, "--time: views.csv has no column 'seen': did you mean 'seen_at'?"),
        ({"log": "views", "time": "price"}, "--time price: can't tell how the times of views.csv are written"),
        ({"labels": ("price",)}, "--labels price: is not a column of 0 and 1 alone in views.csv"),
        ({"users": "views.customer"}, "has no column 'customer': did you mean 'customer_id'?"),
        ({"items": "sku"}, "--items sku: expected TABLE.COLUMN"),
        ({"scenario": "tab"}, "--scenario: views.csv has no column 'tab'"),
    ],
)
def test_flags_that_do_not_fit_are_refused(tmp_path: Path, flags: dict[str, object], complaint: str) -> None:
    data = write_shop(tmp_path)
    with pytest.raises(ConfigurationError) as error:
        draft_of(data, **flags)
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("renamed", "complaint"),
    [
        ({"customer_id": "who"}, "\n  views.csv: no column of users"),
        ({"sku": "what"}, "--items: can't tell which ids of items the log 'views' names"),
        ({"bought": "price2", "price": "bought"}, None),
    ],
)
def test_what_can_not_be_told_is_asked_for(tmp_path: Path, renamed: dict[str, str], complaint: str | None) -> None:
    data = write_shop(tmp_path)
    path = data / "views.csv"
    pd.read_csv(path).rename(columns=renamed).to_csv(path, index=False)
    if complaint is None:
        assert draft_of(data).roles.labels == ["price2"]
        return
    with pytest.raises(ConfigurationError) as error:
        draft_of(data)
    assert complaint in str(error.value)


def test_each_table_is_told_what_keeps_it_from_being_the_log(tmp_path: Path) -> None:
    data = write_shop(tmp_path)
    log = pd.read_csv(data / "views.csv")
    log["seen_at"] = pd.to_datetime(log["seen_at"]).dt.strftime("%d.%m.%Y %H:%M")
    log.assign(bought=1).to_csv(data / "views.csv", index=False)
    log[["sku"]].drop_duplicates().to_csv(data / "products.csv", index=False)
    log[["customer_id"]].drop_duplicates().to_csv(data / "customers.csv", index=False)
    with pytest.raises(ConfigurationError) as error:
        draft_of(data)
    assert str(error.value).split("\n")[1:] == [
        "  customers.csv: one row a user",
        "  products.csv: no column of users",
        "  views.csv: no times, no outcome",
    ]
    with pytest.raises(ConfigurationError, match="received [0-9.]+ [0-9:]+; write other texts as ISO 8601 first"):
        draft_of(data, log="views", time="seen_at")


def test_ids_that_a_csv_file_has_as_floats_find_their_table(tmp_path: Path) -> None:
    data = write_shop(tmp_path)
    log = pd.read_csv(data / "views.csv")
    customers = log[["customer_id"]].drop_duplicates()
    log.assign(customer_id=log["customer_id"].astype(float)).to_csv(data / "views.csv", index=False)
    customers.assign(age=30).to_csv(data / "customers.csv", index=False)
    assert draft_of(data).roles.users.table.name == "customers"
    customers[:10].to_csv(data / "customers.csv", index=False)
    with pytest.raises(ConfigurationError, match="customers.customer_id: has [45].% of the ids in views.customer_id"):
        draft_of(data, users="customers.customer_id")


@pytest.mark.parametrize("name", ["stars", "score"])
def test_a_rating_is_learned_as_a_regression_and_says_why(tmp_path: Path, name: str) -> None:
    data = write_shop(tmp_path)
    log = pd.read_csv(data / "views.csv").drop(columns="bought")
    log.assign(**{name: range(len(log))}).to_csv(data / "views.csv", index=False)
    draft = draft_of(data)
    assert f"# guessed, labels: {name} for its name and its numbers, as a regression" in draft.files["tables.yaml"]
    with pytest.raises(ConfigurationError, match="has 0, 1, 2, 3; without --labels it is learned as a regression"):
        draft_of(data, labels=(name,))


def test_times_of_one_day_can_not_be_split(tmp_path: Path) -> None:
    data = write_shop(tmp_path)
    path = data / "views.csv"
    log = pd.read_csv(path)
    log["seen_at"] = "2024-01-01" + log["seen_at"].str[10:]
    log.to_csv(path, index=False)
    with pytest.raises(InputDataError, match="views.csv: column 'seen_at' has too few different times"):
        draft_of(data)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "views.csv: can't be read: Empty CSV file"),
        ("customer_id,sku\n", "views.csv: there are no rows"),
        ("customer_id,sku,sku\n1,a,b\n", "views.csv: has more than one column 'sku'"),
        ("customer_id,sku\n1,a,b\n", "views.csv: can't be read: CSV parse error"),
        ("customer_id;sku\n1;a\n", "views.csv: has one column, 'customer_id;sku': expected commas between cells"),
    ],
)
def test_files_that_are_no_tables_are_named(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "views.csv").write_text(content)
    with pytest.raises(InputDataError) as error:
        draft_of(tmp_path)
    assert complaint in str(error.value)


def test_nothing_is_overwritten(app: Path, tmp_path: Path) -> None:
    (tmp_path / "tables.yaml").write_text("mine")
    with pytest.raises(OutputError, match="tables.yaml: there already"):
        write_files(tmp_path, draft_of(app).files)
    assert [path.name for path in tmp_path.iterdir()] == ["tables.yaml"]
    assert (tmp_path / "tables.yaml").read_text() == "mine"
