"""Beam's direct runner with two worker processes gives what it gives in one process."""

from pathlib import Path

import pytest
from shop_tables import SCHEMA, Shop, run_config, tables_config

from beam_jobs.audit import audit
from beam_jobs.build_graph import build_graph
from beam_jobs.sample_subgraphs import sample_subgraphs
from tfgrec.errors import InputDataError

TWO_PROCESSES = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_store_and_records_are_the_same_to_the_last_byte(shop: Shop, tmp_path: Path) -> None:
    parts = {"config": run_config(), "tables": tables_config(), "schema": SCHEMA, "data_dir": shop.data}
    graph, examples = tmp_path / "graph", tmp_path / "examples"
    build_graph(**parts, output_dir=graph, pipeline_args=TWO_PROCESSES)
    sample_subgraphs(**parts, graph_dir=graph, output_dir=examples, pipeline_args=TWO_PROCESSES)
    assert files(graph) == files(shop.graph)
    assert files(examples) == files(shop.examples)


@pytest.mark.slow
def test_errors_on_workers_come_home_as_they_are(shop: Shop, tmp_path: Path) -> None:
    examples = tmp_path / "examples"
    sample_subgraphs(
        config=run_config(),
        tables=tables_config(),
        schema=SCHEMA,
        data_dir=shop.data,
        graph_dir=shop.graph,
        output_dir=examples,
    )
    shard = max((examples / "train").iterdir(), key=lambda path: path.stat().st_size)
    shard.write_bytes(shard.read_bytes()[:-3])
    with pytest.raises(InputDataError) as raised:
        audit(tables=tables_config(), examples_dir=str(examples), pipeline_args=TWO_PROCESSES)
    assert str(raised.value).startswith(f"{shard}: record ")
    assert str(raised.value).endswith("is damaged: it is cut short or does not fit its checksum")
