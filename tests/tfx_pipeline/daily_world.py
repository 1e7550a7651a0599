"""A small simulated app whose logs come in one file a day: its tables, schema folder and configuration."""

import shutil
from pathlib import Path

import pandas as pd
import yaml

from beam_jobs.build_graph import build_graph
from beam_jobs.sample_subgraphs import sample_subgraphs
from tfgrec.config import RunConfig, load_run_config, load_tables_config
from tfgrec.data.schema_file import read_graph_schema
from tfgrec.simulation import WorldSettings, create_world, simulate_interactions, write_tables

ROOT = Path(__file__).parents[2]
WORLD = WorldSettings(users=150, videos=80, live_rooms=25, authors=20, days=6, impressions=3_000, seed=3)
LOGS = ("video_views", "live_visits", "follows")
SMALL = [
    "split.train=[1, 3]",
    "split.validation=[4, 4]",
    "build.shards=2",
    "sampling.output_shards=2",
    "sampling.hops=[{viewed: 4, visited: 2, follows: 1, viewed_by: 3, visited_by: 3, made_by: 1, hosted_by: 1},"
    "{viewed: 1, visited: 1}]",
    "training.batch_size=32",
]


def write_world(folder: Path) -> Path:
    """Writes the tables of all days below `folder`; returns it."""
    world = create_world(WORLD)
    write_tables(world, simulate_interactions(world), folder)
    for name in LOGS:
        log = pd.read_parquet(folder / f"{name}.parquet")
        (folder / f"{name}.parquet").unlink()
        (folder / name).mkdir()
        for day in range(WORLD.days):
            of_day = log[log["time_ms"] // 86_400_000 == log["time_ms"].min() // 86_400_000 + day]
            of_day.to_parquet(folder / name / f"day-{day}.parquet", index=False)
    return folder


def copy_days(world: Path, data: Path, days: range) -> Path:
    """The tables as they are when some days are over: adds the logs of `days` to the folder `data`, and returns it."""
    data.mkdir(parents=True, exist_ok=True)
    for file in world.glob("*.csv"):
        shutil.copy(file, data)
    for name in LOGS:
        (data / name).mkdir(exist_ok=True)
        for day in days:
            shutil.copy(world / name / f"day-{day}.parquet", data / name)
    return data


def write_records(world: Path, folder: Path, config: RunConfig) -> Path:
    """Builds graph/ and samples examples/ in `folder` from all days of a world; returns `folder`."""
    sources = {
        "config": config,
        "tables": load_tables_config(config.schema_dir),
        "schema": read_graph_schema(f"{config.schema_dir}/graph.pbtxt"),
        "data_dir": str(world),
    }
    build_graph(**sources, output_dir=str(folder / "graph"))
    sample_subgraphs(**sources, graph_dir=str(folder / "graph"), output_dir=str(folder / "examples"))
    return folder


def write_config(folder: Path, *overrides: str) -> RunConfig:
    """Writes schema/ with one file a day for each log, and reads configs/demo.yaml, made small, to go with it."""
    shutil.copytree(ROOT / "schemas" / "short_video", folder / "schema")
    tables = yaml.safe_load((folder / "schema" / "tables.yaml").read_text())
    for name in LOGS:
        tables["tables"][name]["path"] = f"{name}/*.parquet"
    (folder / "schema" / "tables.yaml").write_text(yaml.safe_dump(tables))
    config = load_run_config(ROOT / "configs" / "demo.yaml", [*SMALL, *overrides])
    return config.model_copy(update={"schema_dir": str(folder / "schema")})
