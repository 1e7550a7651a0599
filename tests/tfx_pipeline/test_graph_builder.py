"""GraphBuilder gives what build_graph gives from all tables, whatever earlier executions have left beside it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from daily_world import LOGS, copy_days, write_config, write_world
from memory_artifacts import FILES, ROOT

from beam_jobs.build_graph import build_graph
from tfgrec.config import RunConfig
from tfgrec.errors import InputDataError
from tfgrec.graph.store.graph_store import GraphStore
from tfx_pipeline import artifacts
from tfx_pipeline.graph_builder.earlier_builds import EarlierBuilds
from tfx_pipeline.graph_builder.executor import Executor
from tfx_pipeline.inputs.run_spec import RunSpec, read_schema


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    return write_config(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="module")
def first_build(world: Path, config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of five days in data/, and what an execution of their days left in GraphBuilder/graph/3."""
    folder = tmp_path_factory.mktemp("first")
    copy_days(world, folder / "data", range(5))
    run(config, folder / "data", folder / "GraphBuilder" / "graph" / "3")
    return folder


@pytest.fixture()
def root(first_build: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(first_build, tmp_path / "root"))


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the component said; Beam speaks too, once another test has raised its level."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("tfx_pipeline")]


def run(config: RunConfig, data: Path, uri: Path | str, *, shared_dir: str = "") -> artifacts.GraphStore:
    graph = artifacts.GraphStore()
    graph.uri = str(uri)
    exec_properties = {
        "spec": RunSpec.of(config, ["build"]).to_json(),
        "data": str(data),
        "tables_fingerprint": "of these tables",
        "span": 17,
        "shared_dir": shared_dir,
    }
    Executor().Do({}, {"graph": [graph]}, exec_properties)
    return graph


def newest_fitting(config: RunConfig, root: Path, number: str = "4") -> tuple[str | None, str]:
    """The name of the earlier execution whose store can be added to, and what is told of it or of why there is none."""
    tables, schema = read_schema(config)
    uri = f"{root}/GraphBuilder/graph/{number}"
    builds = EarlierBuilds(uri=uri, config=config, tables=tables, schema=schema, data=str(root / "data"))
    with builds.newest_fitting(shared_dir="") as (earlier, told):
        return (None if earlier is None else Path(earlier.path).name), told


def built_from_scratch(config: RunConfig, data: Path, folder: Path) -> dict[str, bytes]:
    tables, schema = read_schema(config)
    build_graph(config=config, tables=tables, schema=schema, data_dir=str(data), output_dir=str(folder))
    return contents(folder)


def contents(store: Path) -> dict[str, bytes]:
    """All files of a store, those of GraphBuilder aside."""
    files = (path for path in store.rglob("*") if path.is_file() and path.name != "made_from.json")
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in files}


def test_a_first_build_is_that_of_all_tables(root: Path, config: RunConfig, tmp_path: Path) -> None:
    store = root / "GraphBuilder" / "graph" / "3"
    assert contents(store) == built_from_scratch(config, root / "data", tmp_path / "scratch")
    made_from = json.loads((store / "made_from.json").read_text())
    assert set(made_from["files"]["video_views"]) == {f"video_views/day-{day}.parquet" for day in range(5)}


@pytest.mark.slow
def test_a_day_is_added_to_the_newest_store(
    root: Path, world: Path, config: RunConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tfx_pipeline")
    copy_days(world, root / "data", range(5, 6))
    parent = root / "GraphBuilder" / "graph"
    (parent / "8").mkdir()
    (parent / "3.unfinished-ab").mkdir()
    graph = run(config, root / "data", parent / "9")
    assert told(caplog) == [f"graph: adds the new files to {parent}/3"]
    assert contents(parent / "9") == built_from_scratch(config, root / "data", tmp_path / "scratch")
    manifest = GraphStore.open(parent / "9").manifest
    assert graph.get_int_custom_property("span") == 17
    assert graph.get_string_custom_property("added_to") == f"{parent}/3"
    for kind in ("node_sets", "edge_sets"):
        for name, described in manifest[kind].items():
            assert graph.get_int_custom_property(f"{kind}.{name}") == described["count"]


def _change_a_log(root: Path) -> None:
    # Its clicks are turned round: a file of that length was there before.
    path = root / "data" / "video_views" / "day-2.parquet"
    log = pd.read_parquet(path)
    log.assign(is_click=1 - log["is_click"]).to_parquet(path, index=False)


def _take_a_log_away(root: Path) -> None:
    (root / "data" / "video_views" / "day-2.parquet").unlink()


def _leave_it_unfinished(root: Path) -> None:
    (root / "GraphBuilder" / "graph" / "3" / "made_from.json").unlink()


def _damage(root: Path) -> None:
    path = next((root / "GraphBuilder" / "graph" / "3" / "edges" / "viewed").glob("*.arrow"))
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def _another_version(root: Path) -> None:
    path = root / "GraphBuilder" / "graph" / "3" / "made_from.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "tfgrec": "0.0.1"}))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_change_a_log, "table 'video_views': video_views/day-2.parquet has changed since"),
        (_take_a_log_away, "table 'video_views': video_views/day-2.parquet is gone since"),
        (_leave_it_unfinished, "was not finished"),
        (_damage, "is damaged, its checksum is not the manifest's"),
        (_another_version, "was built with another tfgrec: 0.0.1, now"),
    ],
)
def test_nothing_is_added_to_what_is_not_a_part_of_the_new_store(
    change: Callable[[Path], None], why: str, root: Path, config: RunConfig
) -> None:
    change(root)
    earlier, told = newest_fitting(config, root)
    assert earlier is None
    assert told.startswith(f"{root}/GraphBuilder/graph/3: ") and why in told


def test_nothing_is_added_to_a_store_with_other_options(root: Path, config: RunConfig) -> None:
    assert newest_fitting(config, root) == ("3", f"{root}/GraphBuilder/graph/3")
    changed = config.model_copy(update={"build": config.build.model_copy(update={"shards": 3})})
    earlier, told = newest_fitting(changed, root)
    assert earlier is None and "was built with another build: " in told


def test_nothing_is_added_to_a_store_that_all_files_would_cut_otherwise(root: Path, config: RunConfig) -> None:
    """Else its bytes would not be those of a store that is built from all days."""
    unsaid = config.model_copy(update={"build": config.build.model_copy(update={"shards": None})})
    path = root / "GraphBuilder" / "graph" / "3" / "made_from.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "build": unsaid.build.model_dump(mode="json")}))
    earlier, told = newest_fitting(unsaid, root)
    assert earlier is None and "has 2 shards, and now there are 1" in told


def test_an_older_store_may_fit_where_the_newest_does_not(root: Path, config: RunConfig) -> None:
    parent = root / "GraphBuilder" / "graph"
    shutil.copytree(parent / "3", parent / "12")
    assert newest_fitting(config, root, "13")[0] == "12"
    (parent / "12" / "manifest.json").unlink()
    assert newest_fitting(config, root, "13")[0] == "3"
    # Executions that began later are no earlier ones, nor are folders of runners that do not number them.
    assert newest_fitting(config, root, "2") == (None, "there is no earlier store")
    assert newest_fitting(config, root, "graph") == (None, "there is no earlier store")


class TestSpoiledTables:
    def test_features_that_are_nan_are_no_values(self, root: Path, config: RunConfig) -> None:
        users = pd.read_csv(root / "data" / "users.csv")
        users["register_days"] = float("nan")
        users.to_csv(root / "data" / "users.csv", index=False)
        with pytest.raises(InputDataError, match=r"table 'users': 150 of 150 rows are bad.*register_days: is empty"):
            run(config, root / "data", root / "GraphBuilder" / "graph" / "4")
        assert GraphStore.open(root / "GraphBuilder" / "graph" / "3")

    def test_a_missing_column_is_named(self, root: Path, config: RunConfig) -> None:
        path = root / "data" / "video_views" / "day-4.parquet"
        pd.read_parquet(path).drop(columns="is_click").to_parquet(path, index=False)
        with pytest.raises(InputDataError, match="day-4.parquet: has no column 'is_click'"):
            run(config, root / "data", root / "GraphBuilder" / "graph" / "4")


class TestElsewhere:
    @pytest.fixture()
    def data(self, root: Path) -> Iterator[str]:
        """The tables in an object store."""
        FILES.clear()
        for path in (root / "data").rglob("*.*"):
            FILES[f"{ROOT}/data/{path.relative_to(root / 'data').as_posix()}"] = path.read_bytes()
        yield f"{ROOT}/data"
        FILES.clear()

    @pytest.mark.slow
    def test_store_and_tables_may_be_in_an_object_store(
        self, data: str, root: Path, world: Path, config: RunConfig, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "tfx_pipeline")
        uri = f"{ROOT}/artifacts/graph"
        run(config, data, f"{uri}/1", shared_dir=str(root / "shared"))
        for name in LOGS:
            FILES[f"{data}/{name}/day-5.parquet"] = (world / name / "day-5.parquet").read_bytes()
        run(config, data, f"{uri}/2", shared_dir=str(root / "shared"))
        assert told(caplog)[1] == f"graph: adds the new files to {uri}/1"
        copy_days(world, root / "data", range(5, 6))
        stored = {name.removeprefix(f"{uri}/2/"): FILES[name] for name in FILES if name.startswith(f"{uri}/2/")}
        stored.pop("made_from.json")
        assert stored == built_from_scratch(config, root / "data", root / "scratch")
        assert not list((root / "shared").iterdir())

    def test_errors_and_dead_letters_are_where_the_store_would_be(self, data: str, config: RunConfig) -> None:
        FILES[f"{data}/users.csv"] += b"one cell\n" * 50
        with pytest.raises(InputDataError, match=f"(?s)50 of 200 rows are bad.*{ROOT}/artifacts/graph/1.dead_letters"):
            run(config, data, f"{ROOT}/artifacts/graph/1")
        left = {name for name in FILES if not name.startswith(data)}
        assert left and all(name.startswith(f"{ROOT}/artifacts/graph/1.dead_letters/") for name in left)
