"""The documentation's examples are read from its pages and held to what the code accepts."""

import re
from pathlib import Path

import pytest
import small_records

from tfgrec.checks.tables_check import check_tables
from tfgrec.config import load_run_config, load_tables_config
from tfgrec.data.schema_file import read_graph_schema
from tfgrec.graph.sampling.record_schema import record_schema

REPOSITORY = Path(__file__).parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def fenced(page: Path, language: str) -> list[str]:
    """The blocks of one language on a page."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_shop_of_your_data_is_a_whole_data_set(tmp_path: Path) -> None:
    page = REPOSITORY / "docs" / "your_data.md"
    [graph], [tables_yaml, run_yaml] = fenced(page, "proto"), fenced(page, "yaml")
    (tmp_path / "schemas" / "shop").mkdir(parents=True)
    (tmp_path / "configs").mkdir()
    (tmp_path / "schemas" / "shop" / "graph.pbtxt").write_text(graph)
    (tmp_path / "schemas" / "shop" / "tables.yaml").write_text(tables_yaml)
    (tmp_path / "configs" / "shop.yaml").write_text(run_yaml)

    config = load_run_config(tmp_path / "configs" / "shop.yaml")
    tables = load_tables_config(config.schema_dir)
    schema = read_graph_schema(Path(config.schema_dir) / "graph.pbtxt", tables)
    check_tables(schema, tables, "tables.yaml")
    assert set(record_schema(schema, config.sampling).stored_node_sets) == {"user", "product", "brand"}
    [history] = re.findall(r"^  history: (\{.*\})$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    longer = load_run_config(tmp_path / "configs" / "shop.yaml", [f"sampling.history={history}"])
    assert set(record_schema(schema, longer.sampling).history_node_sets) == {"history/viewed"}


def test_the_service_of_online_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_records.write_small_run(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    [program] = fenced(REPOSITORY / "docs" / "online.md", "python")
    names: dict = {}
    exec(program, names)
    assert isinstance(names["example"], bytes)
    assert names["examples"] == [names["service"].examples([names["request"]])[0]] * 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", prose(page))
    assert [link for link in links if not (page.parent / link).exists()] == []
