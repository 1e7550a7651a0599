"""The dial of the simulated world, read by whole trainings: a graph gives what the world has put in it."""

from pathlib import Path

import pytest

from tfgrec.config import load_run_config
from tfgrec.simulation import WorldSettings, create_world, simulate_interactions, write_tables
from tfgrec.stages.comparison import Comparison
from tfgrec.stages.contenders import read_arm
from tfgrec.stages.model_stages import ModelStages

CONFIG = Path(__file__).parents[2] / "configs" / "demo.yaml"
SEEDS = (1, 2, 3)
# Few items, which are met often, and strong tastes: a training of seconds can learn what there is to learn.
WORLD = {
    "users": 400,
    "videos": 150,
    "live_rooms": 50,
    "authors": 30,
    "impressions": 20_000,
    "taste_strength": 2.5,
}
# The demo's model, narrow and with one task. Ids are what link prediction can learn tastes of.
SMALL = [
    "build.shards=2",
    "sampling.output_shards=2",
    "sampling.hops=[{viewed: 10, visited: 5}]",
    "sampling.history={shown: {newest: 40}, live_shown: {newest: 20}}",
    "model.match={dimension: 8, buckets: 2000}",
    "model.fusion.match=dot",
    "model.encoder={update: graph_sage, rounds: 1, units: 16}",
    "model.towers={bottom_units: [32], task_units: [8], cross_layers: 1}",
    "model.balancing={method: fixed}",
    "model.tasks={is_click: {label: is_click}}",
    "pretraining.objective=link_prediction",
    "pretraining.features={video: {'#id': {kind: hashed, buckets: 2000}}, live: {'#id': {kind: hashed, buckets: 500}}}",
    "training.pretraining_epochs=4",
    "training.diagnostics_every_steps=10000",
    "training.checkpoint_every_steps=10000",
]


@pytest.fixture(autouse=True)
def _without_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelStages, "_export", lambda self: None)
    monkeypatch.setattr(ModelStages, "_report", lambda self: None)


def click_differences(folder: Path, signal: float, arms: list[str], *, epochs: int) -> dict[str, dict[str, float]]:
    """Of a world, by arm, how far its AUC of clicks is from the first arm's: `{"difference", "low", "high"}`."""
    overrides = [*SMALL, f"training.epochs={epochs}"]
    world = create_world(WorldSettings(graph_signal=signal, **WORLD))
    write_tables(world, simulate_interactions(world), folder / "data")
    comparison = Comparison(
        load_run_config(CONFIG, overrides),
        root=folder / "run",
        data=folder / "data",
        contenders=[read_arm(CONFIG, arm, overrides=overrides) for arm in arms],
        seeds=SEEDS,
    ).run(baseline=arms[0])
    differences = comparison.to_json()["differences"]
    return {arm: of_arm["is_click"]["auc"] for arm, of_arm in differences.items()}


@pytest.mark.slow
def test_at_one_joint_is_above_two_stage_and_two_stage_above_no_graph(tmp_path: Path) -> None:
    found = click_differences(tmp_path, 1.0, ["two_stage", "joint", "no_graph"], epochs=2)
    assert found["joint"]["low"] > 0
    assert found["no_graph"]["high"] < 0


@pytest.mark.slow
def test_at_zero_joint_and_no_graph_agree_within_their_interval(tmp_path: Path) -> None:
    # In a second epoch the match would learn this world's chance by heart: the demo trains one.
    found = click_differences(tmp_path, 0.0, ["joint", "no_graph"], epochs=1)
    assert found["no_graph"]["low"] < 0 < found["no_graph"]["high"]
    # The interval is narrow beside what the graph gives at one.
    assert found["no_graph"]["high"] - found["no_graph"]["low"] < 0.1
