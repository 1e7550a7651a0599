"""The commands: exit codes, messages without tracebacks, what an interrupted or killed job leaves."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from shop_tables import RUN, SCHEMA, TABLES, Shop, make_frames, write_frames

from beam_jobs import audit, build_graph
from tfgrec.graph.schema import Feature
from tfgrec.graph.store.graph_store import GraphStore

REPOSITORY = Path(__file__).parents[2]
JOB = """
import signal, sys
# A shell's background jobs, pytest among them, are started deaf to interrupts, and so are their children.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path[:0] = {paths!r}
from shop_tables import SCHEMA, run_config, tables_config
from beam_jobs.build_graph import build_graph
from tfgrec.entry_point import entry_point
@entry_point
def run(arguments):
    build_graph(
        config=run_config(build={{"shards": 64, "rows_per_batch": 50}}), tables=tables_config(), schema=SCHEMA,
        data_dir={data!r}, output_dir={output!r},
    )
sys.exit(run())
"""


@pytest.fixture()
def configured(tmp_path: Path) -> Path:
    """A run's YAML, and its schema folder beside it."""
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "graph.pbtxt").write_text(schema_text())
    (tmp_path / "schema" / "tables.yaml").write_text(yaml.safe_dump(TABLES))
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump({**RUN, "schema_dir": "schema"}))
    return tmp_path / "shop.yaml"


def schema_text() -> str:
    """SCHEMA in the text form of TF-GNN's GraphSchema."""

    def features(of: dict[str, Feature]) -> str:
        dtypes = {"int64": "DT_INT64", "float32": "DT_FLOAT", "string": "DT_STRING"}
        return "".join(
            f'features {{ key: "{name}" value {{ dtype: {dtypes[feature.dtype]} '
            f"{'shape { dim { size: -1 } }' if feature.multi_valued else ''} }} }}\n"
            for name, feature in of.items()
        )

    nodes = [
        f'node_sets {{ key: "{name}" value {{ {features(of.features)} }} }}' for name, of in SCHEMA.node_sets.items()
    ]
    edges = [
        f'edge_sets {{ key: "{name}" value {{ source: "{of.source}" target: "{of.target}" {features(of.features)} }} }}'
        for name, of in SCHEMA.edge_sets.items()
    ]
    return "\n".join([f"context {{ {features(SCHEMA.context)} }}", *nodes, *edges])


class TestErrors:
    def test_an_error_to_mend_is_a_line_and_exit_code_2(
        self, configured: Path, tmp_path: Path, capsys: pytest.CaptureFixture
    ) -> None:
        code = audit.main(["--config", str(configured), "--examples", str(tmp_path / "none")])
        assert code == 2
        assert capsys.readouterr().err == (
            f"error: {tmp_path}/none/manifest.json: is missing: sampling did not finish, or never began\n"
        )

    def test_a_misspelt_option_is_refused(self, configured: Path, capsys: pytest.CaptureFixture) -> None:
        options = ["--config", str(configured), "--data", "x", "--output", "y", "--direct_num_wokers=2"]
        assert build_graph.main(options) == 2
        assert "error: unknown option --direct_num_wokers" in capsys.readouterr().err

    def test_a_misspelt_key_is_refused(self, configured: Path, capsys: pytest.CaptureFixture) -> None:
        options = ["--config", str(configured), "--examples", "x", "--set", "build.shrads=3"]
        assert audit.main(options) == 2
        assert "unknown key 'build.shrads': did you mean 'shards'?" in capsys.readouterr().err

    def test_a_word_too_many_is_refused(self, configured: Path, capsys: pytest.CaptureFixture) -> None:
        assert audit.main(["--config", str(configured), "--examples", "x", "extra"]) == 2
        assert "error: unexpected argument 'extra'" in capsys.readouterr().err

    def test_beams_options_pass_through(
        self, configured: Path, shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture
    ) -> None:
        examples = shutil.copytree(shop.examples, tmp_path / "examples")
        options = ["--config", str(configured), "--examples", str(examples), "--direct_num_workers=1"]
        assert audit.main(options) == 0
        assert "none of the future" in capsys.readouterr().out


def test_a_day_is_added_by_the_command(
    configured: Path, shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    data = write_frames(shop.frames, tmp_path / "data")
    second = (data / "log-2.csv").rename(tmp_path / "log-2.csv")
    options = ["--config", str(configured), "--data", str(data), "--output"]
    first, both = str(tmp_path / "first"), str(tmp_path / "both")
    assert build_graph.main([*options, first]) == 0
    second.rename(data / "log-2.csv")
    assert build_graph.main([*options, both, "--add-to", first]) == 0
    assert f"files added to {first}: log (1)\n{both}: graph store\n" in capsys.readouterr().out
    added, expected = GraphStore.open(both).manifest, GraphStore.open(shop.graph).manifest
    for kind in ("node_sets", "edge_sets"):
        counts = [{name: of["count"] for name, of in manifest[kind].items()} for manifest in (added, expected)]
        assert counts[0] == counts[1]
    assert build_graph.main([*options, both, "--add-to", both]) == 0
    assert f"{data}: has nothing beyond what {both} was built from: a copy of it" in capsys.readouterr().out


@pytest.mark.slow
class TestInterrupted:
    def start(self, tmp_path: Path) -> subprocess.Popen:
        """A build of many shards, seen at work."""
        data = write_frames(make_frames(rows=4_000), tmp_path / "data")
        script = JOB.format(
            paths=[str(REPOSITORY), str(Path(__file__).parent)], data=str(data), output=str(tmp_path / "out" / "graph")
        )
        process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
        for _ in range(600):
            if list(tmp_path.glob("out/graph.unfinished-*/nodes/*/*.arrow")) or process.poll() is not None:
                return process
            time.sleep(0.1)
        raise AssertionError("the job does not begin")

    def test_a_killed_job_leaves_no_output(self, tmp_path: Path) -> None:
        process = self.start(tmp_path)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not (tmp_path / "out" / "graph").exists()
        (left,) = (tmp_path / "out").iterdir()
        assert not (left / "manifest.json").exists()

    def test_an_interrupted_job_cleans_up(self, tmp_path: Path) -> None:
        process = self.start(tmp_path)
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
        assert process.returncode == 130, messages
        assert "Traceback" not in messages
        assert not list((tmp_path / "out").iterdir())


@pytest.mark.slow
def test_the_three_commands_one_after_another(configured: Path, tmp_path: Path) -> None:
    data = write_frames(make_frames(), tmp_path / "data")

    def run(module: str, *options: str) -> str:
        command = [sys.executable, "-m", f"beam_jobs.{module}", "--config", str(configured), *options]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    graph, examples = str(tmp_path / "graph"), str(tmp_path / "examples")
    assert "made_by: 25" in run("build_graph", "--data", str(data), "--output", graph, "--set", "build.shards=3")
    assert GraphStore.open(graph).manifest["shards"] == 3
    told = run("sample_subgraphs", "--data", str(data), "--graph", graph, "--output", examples)
    assert "train: " in told and "validation: " in told
    assert "none of the future" in run("audit", "--examples", examples)
