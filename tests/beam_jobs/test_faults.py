"""What a killed job, a full disk or a flipped byte leave behind: never something that is taken for whole."""

import contextlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from derived_shop import derived_schema, derived_tables
from shop_tables import SCHEMA, Shop, run_config, tables_config

from beam_jobs.audit import audit
from beam_jobs.build_graph import build_graph
from beam_jobs.derive_edges import derive_edges
from beam_jobs.sample_subgraphs import sample_subgraphs
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.errors import GraphStoreError, InputDataError, OutputError
from tfgrec.graph.store.graph_store import GraphStore

REPOSITORY = Path(__file__).parents[2]
BOTH_JOBS = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from test_faults import build, sample
build(Path({data!r}), Path({output!r}))
sample(Path({data!r}), Path({output!r}))
"""
# 47 of a graph; and the records of some shards are a file each.
FILES_OF_BOTH_JOBS = 56


def build(data: Path, output: Path) -> None:
    """The shop's graph in `output`/graph."""
    build_graph(
        config=run_config(),
        tables=tables_config(),
        schema=SCHEMA,
        data_dir=str(data),
        output_dir=str(output / "graph"),
    )


def sample(data: Path, output: Path) -> None:
    """The shop's records in `output`/examples."""
    sample_subgraphs(
        config=run_config(),
        tables=tables_config(),
        schema=SCHEMA,
        data_dir=str(data),
        graph_dir=str(output / "graph"),
        output_dir=str(output / "examples"),
    )


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def flip(path: Path, chance: random.Random) -> None:
    """Flips one bit of a file; the file gets another inode, since stores share files."""
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.unlink()
    path.write_bytes(content)


def cut(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: chance.randrange(len(content))])


DAMAGES = pytest.mark.parametrize("damage", [flip, cut])
Damage = Callable[[Path, random.Random], None]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 5, 6], ids=["early", "late in the build", "in sampling"])
def test_jobs_killed_at_any_point_are_done_again_as_if_nothing_had_been(shop: Shop, seed: int, tmp_path: Path) -> None:
    script = BOTH_JOBS.format(
        paths=[str(REPOSITORY), str(Path(__file__).parent)], data=str(shop.data), output=str(tmp_path)
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    chance = random.Random(seed)
    files = chance.randrange(1, FILES_OF_BOTH_JOBS)
    while process.poll() is None and sum(path.is_file() for path in _all_below(tmp_path)) < files:
        time.sleep(0.002)
    time.sleep(chance.random() / 5)
    process.kill()
    assert process.wait() in (0, -signal.SIGKILL)
    # What has its name is whole.
    if (tmp_path / "graph").exists():
        GraphStore.open(tmp_path / "graph").verify()
    if (tmp_path / "examples").exists():
        ExamplesDirectory.open(tmp_path / "examples").verify()
    build(shop.data, tmp_path)
    sample(shop.data, tmp_path)
    assert contents(tmp_path / "graph") == contents(shop.graph)
    assert contents(tmp_path / "examples") == contents(shop.examples)


def _all_below(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return list(folder.rglob("*.*"))
    return []


class TestDamagedStore:
    @DAMAGES
    @pytest.mark.parametrize("name", ["nodes/user/00001-of-00002.arrow", "edges/clicked/00000-of-00002.arrow"])
    def test_no_job_goes_on_with_it(self, shop: Shop, name: str, damage: Damage, tmp_path: Path) -> None:
        shutil.copytree(shop.graph, tmp_path / "graph")
        damage(tmp_path / "graph" / name, random.Random(1))
        with pytest.raises(GraphStoreError, match=rf"{name}: (is damaged|has \d+ bytes).*: build the store again"):
            sample(shop.data, tmp_path)
        with pytest.raises(GraphStoreError, match=name):
            derive_edges(
                config=run_config(),
                tables=derived_tables("alike"),
                schema=derived_schema("alike"),
                graph_dir=str(tmp_path / "graph"),
                output_dir=str(tmp_path / "derived"),
            )
        assert {path.name for path in tmp_path.iterdir()} == {"graph"}

    @DAMAGES
    def test_its_manifest_counts_as_well(self, shop: Shop, damage: Damage, tmp_path: Path) -> None:
        sound = (shop.graph / "manifest.json").read_bytes()
        chance = random.Random(2)
        shutil.copytree(shop.graph, tmp_path / "graph")
        for _ in range(40):
            (tmp_path / "graph" / "manifest.json").write_bytes(sound)
            damage(tmp_path / "graph" / "manifest.json", chance)
            with pytest.raises(GraphStoreError, match=r"manifest\.json: "):
                sample(shop.data, tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {"graph"}


class TestDamagedRecords:
    @DAMAGES
    @pytest.mark.parametrize("name", ["train/part-00001-of-00003.tfrecord", "validation/part-00000-of-00003.tfrecord"])
    def test_neither_audit_nor_training_reads_them(self, shop: Shop, name: str, damage: Damage, tmp_path: Path) -> None:
        shutil.copytree(shop.examples, tmp_path / "examples")
        damage(tmp_path / "examples" / name, random.Random(3))
        with pytest.raises(InputDataError, match=rf"{name}: .*sample again with beam_jobs\.sample_subgraphs"):
            ExamplesDirectory.open(tmp_path / "examples").verify()
        with pytest.raises(InputDataError, match=name):
            audit(tables=tables_config(), examples_dir=str(tmp_path / "examples"))

    @DAMAGES
    def test_their_manifest_counts_as_well(self, shop: Shop, damage: Damage, tmp_path: Path) -> None:
        sound, chance = (shop.examples / "manifest.json").read_bytes(), random.Random(4)
        shutil.copytree(shop.examples, tmp_path / "examples")
        for _ in range(40):
            (tmp_path / "examples" / "manifest.json").write_bytes(sound)
            damage(tmp_path / "examples" / "manifest.json", chance)
            with pytest.raises(InputDataError, match=r"manifest\.json: is .*: sample again"):
                ExamplesDirectory.open(tmp_path / "examples")
            with pytest.raises(InputDataError, match=r"manifest\.json: is .*: sample again"):
                audit(tables=tables_config(), examples_dir=str(tmp_path / "examples"))


@contextlib.contextmanager
def no_file_larger_than(limit: int) -> Iterator[None]:
    """What a full disk is to a process that can't have a disk of its own: writing fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class TestFullDisk:
    @pytest.mark.parametrize("limit", [100, 2_000, 9_000])
    def test_a_build_says_so_and_leaves_nothing(self, shop: Shop, limit: int, tmp_path: Path) -> None:
        with no_file_larger_than(limit), pytest.raises(OutputError, match=rf"{tmp_path}.*: can't be written: File too"):
            build(shop.data, tmp_path)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("limit", [100, 20_000])
    def test_sampling_says_so_and_leaves_the_records_that_there_were(
        self, shop: Shop, limit: int, tmp_path: Path
    ) -> None:
        shutil.copytree(shop.graph, tmp_path / "graph")
        shutil.copytree(shop.examples, tmp_path / "examples")
        with no_file_larger_than(limit), pytest.raises(OutputError, match=rf"{tmp_path}.*: can't be written: File too"):
            sample(shop.data, tmp_path)
        assert contents(tmp_path / "examples") == contents(shop.examples)
        assert {path.name for path in tmp_path.iterdir()} == {"graph", "examples"}
