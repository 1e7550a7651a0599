"""Files of variants: what they make, and how their mistakes are told."""

from pathlib import Path

import pytest

from tfgrec.config import load_run_config
from tfgrec.errors import ConfigurationError
from tfgrec.stages.contenders import ARMS, read_arm, read_variants

CONFIGS = Path(__file__).parents[2] / "configs"
DEMO = CONFIGS / "demo.yaml"


def variants(folder: Path, text: str, **options: object) -> list:
    path = folder / "variants.yaml"
    path.write_text(text, encoding="utf-8")
    return read_variants(path, config=DEMO, **{"arm": "joint", **options})


def test_a_variant_is_its_arm_but_for_what_it_sets(tmp_path: Path) -> None:
    text = """
    one_round: [model.encoder.rounds=1]
    "2.slow":
      arm: no_graph
      set: ["model.towers={bottom_units: [8], task_units: [4]}", training.epochs=1]
    nothing: {arm: frozen_encoder}
    """
    first, second, third = variants(tmp_path, text, overrides=["training.batch_size=7"])
    joint = read_arm(DEMO, "joint", overrides=["training.batch_size=7"])
    assert (first.name, first.changes, str(first.folder)) == (
        "one_round",
        ("model.encoder.rounds=1",),
        "variants/one_round",
    )
    assert first.config.model.encoder.rounds == 1
    encoder = first.config.model.encoder.model_copy(update={"rounds": joint.config.model.encoder.rounds})
    model = first.config.model.model_copy(update={"encoder": encoder})
    assert first.config.model_copy(update={"model": model}) == joint.config
    assert (second.config.arm, second.config.model.towers.bottom_units, second.config.training.epochs) == (
        "no_graph",
        [8],
        1,
    )
    assert second.config.training.batch_size == 7
    assert third.config == read_arm(DEMO, "frozen_encoder", overrides=["training.batch_size=7"]).config
    assert third.changes == () and str(third.folder) == "variants/nothing"


def test_without_an_arm_a_variant_is_of_the_arm_that_is_given(tmp_path: Path) -> None:
    [found] = variants(tmp_path, "short: [training.epochs=1]", arm="no_graph")
    assert found.config.arm == "no_graph"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: [training.epoch=2]", "variant 'a': {demo}: unknown key 'training.epoch': did you mean 'epochs'?"),
        ("a: [training.epochs=zero]", "variant 'a': {demo}: key 'training.epochs'"),
        ("a: [sampling.hops.0.view=3]", "variant 'a': sampling.hops.0: tables.yaml has no edge set 'view'"),
        ("a: [training.epochs]", "variant 'a': --set training.epochs: expected key.path=value"),
        ("a: {sets: [training.epochs=1]}", "variant 'a': unknown key 'sets': did you mean 'set'?"),
        ("a: {arm: two_stages}", "variant 'a': arm 'two_stages': did you mean 'two_stage'?"),
        ("a: {set: training.epochs=1}", "variant 'a': 'set' is a list of key=value, received str"),
        ("a: training.epochs=1", "variant 'a': expected a list of key=value, or 'arm' and 'set', received str"),
        ("a: [arm=no_graph]", "variant 'a': 'arm=no_graph': write {arm: ..., set: [...]}"),
        ("a:\n- model.encoder={rounds: 1}", "variant 'a': expected text key=value, received {'model.encoder={rounds'"),
        ("joint: [training.epochs=1]", "variant 'joint': is the name of an arm"),
        ("a/b: []", "variant 'a/b': a name is letters, digits"),
        ("..: []", "variant '..': a name is letters, digits"),
        ("1: []", "variant 1: a name is letters, digits"),
        ("[a, b]", "expected names and what each sets, received list"),
        ("", "expected names and what each sets, received NoneType"),
        ("a: [", "is not valid YAML"),
        ("a: ['split.validation=[7, 9]']", "variant 'a': sets split.validation, which all that is compared must share"),
        ("a: [training.seed=3, name=other]", "variant 'a': sets name, training.seed, which all"),
        ("a: [evaluation.min_scenario_rows=7]", "variant 'a': sets evaluation, which all"),
        (
            "a: [model.fusion.feature_level=none, model.fusion.match=none, model.fusion.representation_level=none]",
            "variant 'a': model.fusion",
        ),
    ],
)
def test_mistakes_name_the_file_and_the_variant(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        variants(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/variants.yaml: ")
    assert complaint.replace("{demo}", str(DEMO)) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="none.yaml: can't be read: No such file"):
        read_variants(tmp_path / "none.yaml", config=DEMO, arm="joint")


def test_an_arm_that_a_configuration_forbids_is_named() -> None:
    off = ["model.fusion.feature_level=none", "model.fusion.match=none", "model.fusion.representation_level=none"]
    assert read_arm(DEMO, "no_graph", overrides=off).changes is None
    with pytest.raises(ConfigurationError, match="^arm joint: model.fusion"):
        read_arm(DEMO, "joint", overrides=off)


def test_the_demos_variants_can_be_trained_and_all_change_something() -> None:
    found = read_variants(CONFIGS / "demo_variants.yaml", config=DEMO, arm="joint")
    assert not {variant.name for variant in found} & set(ARMS)
    sampled = [one.name for one in found if one.config.sampling != read_arm(DEMO, "joint").config.sampling]
    assert sampled == ["video_only", "without_follows", "without_history", "smaller_fan_outs"]
    live = {"visited", "visited_by", "hosted_by"}
    [video_only] = [one for one in found if one.name == "video_only"]
    assert {
        name: plan.fan_out for hop in video_only.config.sampling.hops for name, plan in hop.items() if name in live
    } == dict.fromkeys(live, 0)
    base = load_run_config(DEMO).sampling.history
    assert video_only.config.sampling.history == {"shown": base["shown"]}
