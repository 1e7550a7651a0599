"""A run on another one's records: only where they are what it asks for, and nothing of the other's is written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stand_in_jobs import Jobs, write_outputs

from tfgrec.config import load_run_config
from tfgrec.errors import ConfigurationError
from tfgrec.run.claim import claimed
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages import data_stages, whole_run
from tfgrec.stages.borrowed_records import BorrowedRecords
from tfgrec.stages.data_stages import DataStages
from tfgrec.stages.whole_run import run_all_stages, run_on_records

CONFIG = Path(__file__).parents[2] / "configs" / "demo.yaml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`run`, with graph, records and an audit of the tables in `data`."""
    folder = write_outputs(tmp_path_factory.mktemp("finished"))
    with pytest.MonkeyPatch.context() as patch, claimed(folder / "run", "run"):
        patch.setattr(data_stages.JobProcess, "run", Jobs(folder))
        DataStages(load_run_config(CONFIG), RunDirectory.at(folder / "run"), folder / "data").run()
    return folder


@pytest.fixture
def lender(finished: Path, tmp_path: Path, trained: list) -> Path:
    return Path(shutil.copytree(finished / "run", tmp_path / "lender"))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[RunDirectory]:
    """The runs that were trained, by what stands in for it."""
    runs = []

    class Stages:
        def __init__(self, config: Any, run: RunDirectory, *, announce: Callable[[str], None]) -> None:
            self._config, self._run = config, run

        def run(self) -> dict[str, Any]:
            self._run.write_config(self._config)
            runs.append(self._run)
            return {}

    monkeypatch.setattr(whole_run, "ModelStages", Stages)
    return runs


def borrow(lender: Path, *overrides: str, data: Path | None = None, verify: bool = False) -> RunDirectory:
    config = load_run_config(CONFIG, overrides)
    records = BorrowedRecords(lender, config, data, verify=verify)
    run = RunDirectory.at(lender.parent / "borrower", data_root=records.data_root)
    run_on_records(config, run, records, announce=lambda _: None)
    return run


def files_of(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_copied_and_nothing_of_the_other_run_is_written(
    lender: Path, finished: Path, trained: list[RunDirectory]
) -> None:
    before = files_of(lender)
    run = borrow(lender, "arm=no_graph", "training.epochs=3", data=finished / "data")
    assert files_of(lender) == before
    assert {path.name for path in run.root.iterdir()} == {"config.yaml", "records_from.json", "run.lock", "tfgrec.json"}
    assert [of.examples for of in trained] == [lender / "examples"]
    assert RunDirectory.open(run.root).examples.resolve() == (lender / "examples").resolve()
    # Who borrows from a borrower has the first one's records.
    assert BorrowedRecords(run.root, load_run_config(CONFIG), None).data_root.resolve() == lender.resolve()


def test_records_of_a_variant_are_of_the_comparisons_graph(lender: Path, trained: list[RunDirectory]) -> None:
    variant = lender / "records" / "abc"
    for name in ("examples", "schema"):
        shutil.copytree(lender / name, variant / name)
    (variant / "stages").mkdir()
    for name in ("config.yaml", "stages/examples.json", "stages/audit.json"):
        shutil.copy(lender / name, variant / name)
    (variant / "graph").symlink_to("../../graph")
    config = load_run_config(CONFIG)
    records = BorrowedRecords(variant, config, None)
    run = RunDirectory.at(lender.parent / "borrower", data_root=records.data_root)
    run_on_records(config, run, records, announce=lambda _: None)
    assert [of.examples.resolve() for of in trained] == [(variant / "examples").resolve()]
    with claimed(lender, "run"), pytest.raises(ConfigurationError, match="a run is at work there"):
        run_on_records(config, run, records, announce=lambda _: None)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("sampling.hops.0.viewed=7", "sampling.hops.0.viewed.fan_out: was 10, is 7"),
        ("split.test=[10, 11]", "split.test: was null, is [10, 11]"),
        ("sampling.seed=3", "sampling.seed: was 0, is 3"),
    ],
)
def test_what_differs_is_named(override: str, told: str, lender: Path, trained: list[RunDirectory]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        borrow(lender, override)
    assert f"--records-from {lender}: its records are not what this configuration asks for:\n  {told}" in str(
        raised.value
    )
    assert not (lender.parent / "borrower").exists() and not trained


def test_tables_are_compared_where_they_are_given(lender: Path, finished: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(finished / "data", tmp_path / "data"))
    with (data / "users.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(ConfigurationError, match=r"data\.users\.csv: differs"):
        borrow(lender, data=data)
    borrow(lender)


def damage_records(lender: Path) -> None:
    path = sorted(lender.glob("examples/train/*"))[0]
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("pattern", ["examples/train/*", "graph/edges/watched/*"])
def test_all_bytes_are_read_to_verify(pattern: str, lender: Path) -> None:
    damaged = sorted(lender.glob(pattern))[0]
    flip(damaged)
    borrow(lender)
    with pytest.raises(ConfigurationError, match=f"--records-from {lender}: .*{damaged.name}: is damaged"):
        borrow(lender, verify=True)


def change_after_audit(lender: Path) -> None:
    path = lender / "examples" / "manifest.json"
    path.write_text(path.read_text() + "\n")


def forget_audit(lender: Path) -> None:
    (lender / "stages" / "audit.json").unlink()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (damage_records, "the manifest says"),
        (change_after_audit, "its records have changed since their audit"),
        (forget_audit, "audit.json does not say what stage audit was made from"),
    ],
)
def test_records_that_are_not_whole(change: Callable[[Path], None], told: str, lender: Path) -> None:
    change(lender)
    with pytest.raises(ConfigurationError, match=told):
        borrow(lender)


def test_records_that_change_later_are_found_out(lender: Path, trained: list[RunDirectory]) -> None:
    run = borrow(lender)
    borrow(lender)
    change_after_audit(lender)
    path = lender / "stages" / "audit.json"
    stage = json.loads(path.read_text())
    stage["inputs"]["examples"] = run.records_seals()["examples"]
    path.write_text(json.dumps(stage))
    # They are whole and audited, and still others.
    told = f"was trained on the records of {lender}, whose examples in .* changed since"
    with pytest.raises(ConfigurationError, match=told):
        borrow(lender)
    with pytest.raises(ConfigurationError, match=told):
        RunDirectory.open(run.root)
    assert len(trained) == 2


def test_a_run_keeps_to_where_its_records_are(lender: Path, finished: Path) -> None:
    run = borrow(lender)
    with pytest.raises(ConfigurationError, match=f"add --records-from {lender}"):
        run_all_stages(load_run_config(CONFIG), RunDirectory.at(run.root), finished / "data", announce=lambda _: None)
    records = BorrowedRecords(run.root, load_run_config(CONFIG), None)
    with pytest.raises(ConfigurationError, match="has graph and examples of its own"):
        run_on_records(load_run_config(CONFIG), RunDirectory.at(lender), records, announce=lambda _: None)


def test_a_run_that_is_at_work_lends_nothing(lender: Path) -> None:
    with claimed(lender, "run"), pytest.raises(ConfigurationError, match="a run is at work there, process"):
        borrow(lender)
