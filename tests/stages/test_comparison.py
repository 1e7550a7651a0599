"""Which records a contender is trained on: shared where they can be, and each kind sampled once."""

import json
from pathlib import Path

import pytest

from tfgrec.config import load_run_config
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages import comparison
from tfgrec.stages.comparison import Comparison
from tfgrec.stages.contenders import read_arm, read_variants

DEMO = Path(__file__).parents[2] / "configs" / "demo.yaml"
VARIANTS = """
fewer: [sampling.hops.0.viewed=4]
fewer_and_slower: [sampling.hops.0.viewed=4, training.epochs=9]
other_days: ["split.train=[3, 7]"]
one_round: [model.encoder.rounds=1]
as_it_is: [sampling.hops.0.viewed=10]
"""


class Stages:
    """Stands in for the stages: notes what was sampled and trained, from where."""

    def __init__(self) -> None:
        self.sampled: list[tuple[str, Path]] = []
        self.trained: list[tuple[RunDirectory, int]] = []
        self.trained_before_check: list[int] = []

    def data_stages(self, config, run, data, *, announce, verify):
        stages = self

        class Data:
            def check(self) -> None:
                pass

            def run(self) -> None:
                run.graph.mkdir(parents=True, exist_ok=True)
                stages.sampled.append(("all", run.root))

            def sample(self) -> None:
                assert run.graph.resolve().is_dir()
                stages.sampled.append(("records", run.root))

        return Data()

    def model_stages(self, config, run, *, announce):
        stages = self

        class Model:
            def check_labels(self) -> None:
                stages.trained_before_check.append(len(stages.trained))

            def run(self) -> None:
                stages.trained.append((run, config.training.seed))

        return Model()


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Stages:
    stages = Stages()
    monkeypatch.setattr(comparison, "DataStages", stages.data_stages)
    monkeypatch.setattr(comparison, "ModelStages", stages.model_stages)
    monkeypatch.setattr("tfgrec.report.compare_arms", lambda runs, **options: Result(runs, options))
    monkeypatch.setattr("tfgrec.report.write_comparison_report", lambda result, path: None)
    return stages


class Result:
    def __init__(self, runs: dict, options: dict) -> None:
        self.runs, self.options = runs, options

    def to_json(self) -> dict:
        return {"baseline": self.options["baseline"], "changes": self.options["changes"]}


def compared(root: Path) -> Result:
    (root / "variants.yaml").write_text(VARIANTS)
    contenders = [read_arm(DEMO, arm) for arm in ("joint", "no_graph")]
    contenders += read_variants(root / "variants.yaml", config=DEMO, arm="joint")
    return Comparison(
        load_run_config(DEMO), root=root / "run", data=root / "data", contenders=contenders, seeds=[1, 2]
    ).run(baseline="joint")


def test_each_kind_of_records_is_sampled_once_from_one_graph(stages: Stages, tmp_path: Path) -> None:
    compared(tmp_path)
    root = tmp_path / "run"
    kinds, folders = zip(*stages.sampled, strict=True)
    assert kinds == ("all", "records", "records")
    assert folders[0] == root and len(set(folders)) == 3
    assert {folder.parent for folder in folders[1:]} == {root / "records"}
    assert all((folder / "graph").resolve() == (root / "graph").resolve() for folder in folders[1:])
    read = {run.root.parent.name: run.data_root for run, _ in stages.trained}
    assert read["fewer"] == read["fewer_and_slower"] == folders[1]
    assert read["other_days"] == folders[2]
    assert read["joint"] == read["no_graph"] == read["one_round"] == read["as_it_is"] == root


def test_each_contender_has_a_run_for_each_seed_where_it_belongs(stages: Stages, tmp_path: Path) -> None:
    result = compared(tmp_path)
    found = [(str(run.root.relative_to(tmp_path / "run")), seed) for run, seed in stages.trained]
    assert found[:5] == [
        ("arms/joint/seed-1", 1),
        ("arms/joint/seed-2", 2),
        ("arms/no_graph/seed-1", 1),
        ("arms/no_graph/seed-2", 2),
        ("variants/fewer/seed-1", 1),
    ]
    assert len(found) == 14
    # Labels that can't be learnt stop all of them before the first is trained.
    assert stages.trained_before_check == [0] * 7
    assert list(result.runs) == [
        "joint",
        "no_graph",
        "fewer",
        "fewer_and_slower",
        "other_days",
        "one_round",
        "as_it_is",
    ]
    assert "joint" not in result.options["changes"]
    assert result.options["changes"]["other_days"] == ("split.train=[3, 7]",)
    assert json.loads((tmp_path / "run" / "comparison.json").read_text())["baseline"] == "joint"


def test_a_run_of_a_variant_is_opened_with_its_own_records(stages: Stages, tmp_path: Path) -> None:
    compared(tmp_path)
    [(run, _)] = [(run, seed) for run, seed in stages.trained if run.root.parent.name == "fewer" and seed == 1]
    run.write_config(load_run_config(DEMO))
    (run.data_root / "schema").mkdir()
    assert RunDirectory.open(run.root).examples.resolve() == run.examples.resolve()


def test_the_same_again_finds_what_is_there(stages: Stages, tmp_path: Path) -> None:
    compared(tmp_path)
    first = list(stages.sampled)
    compared(tmp_path)
    assert stages.sampled == [*first, *first]
