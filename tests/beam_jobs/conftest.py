"""A graph store and records of the small app, made once for all tests that only read them."""

from pathlib import Path

import pytest
from shop_tables import SCHEMA, Shop, make_frames, run_config, tables_config, write_frames

from beam_jobs.build_graph import build_graph
from beam_jobs.sample_subgraphs import sample_subgraphs


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The whole way from good tables to records."""
    folder: Path = tmp_path_factory.mktemp("shop")
    frames = make_frames()
    made = Shop(write_frames(frames, folder / "data"), folder / "graph", folder / "examples", frames)
    config, tables = run_config(), tables_config()
    build_graph(config=config, tables=tables, schema=SCHEMA, data_dir=made.data, output_dir=made.graph)
    sample_subgraphs(
        config=config,
        tables=tables,
        schema=SCHEMA,
        data_dir=made.data,
        graph_dir=made.graph,
        output_dir=made.examples,
    )
    return made
