"""A model that starts from an earlier one: what it takes over, by name, shape, meaning and value."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from finished_runs import keep
from hypothesis import given
from hypothesis import strategies as st

from tfgrec.errors import ConfigurationError
from tfgrec.run.run_directory import RunDirectory
from tfgrec.serving.signatures.scoring import make_scoring_function
from tfgrec.training.run_model import RunModel
from tfgrec.training.variable_meanings import checkpoint_key, meanings_of, variables_by_path
from tfgrec.training.warm_start import check_start, take_over, taken_by_position

TABLE = "encoder/_initial_states/_features/_embedded/values_8"


def run_model(run: RunDirectory, *overrides: str, statistics: Callable[[dict], dict] | None = None) -> RunModel:
    model = RunModel(run.read_config(overrides), run)
    if statistics is not None:
        changed = statistics(json.loads(json.dumps(model.examples.statistics)))
        model.examples = dataclasses.replace(model.examples, statistics=changed)
    return model


def scores(model: RunModel) -> dict[str, np.ndarray]:
    score = make_scoring_function(model.model, model.serving_schema)
    return {name: values.numpy() for name, values in score(tf.constant(model.sample("validation"))).items()}


def taken_from(earlier: RunDirectory, model: RunModel) -> tuple[Any, dict[str, np.ndarray]]:
    result = take_over(model.model, model.config.model, earlier)
    return result, {path: variable.numpy() for path, variable in variables_by_path(model.model).items()}


@pytest.fixture(scope="module")
def trained(small_run: Path) -> RunModel:
    """Every variable far from where training starts."""
    run = RunDirectory.at(small_run)
    model = run_model(run)
    random = np.random.default_rng(3)
    for variable in model.model.variables:
        if variable.dtype.is_floating:
            variable.assign(random.normal(0, 0.2, variable.shape))
    return model


@pytest.fixture(scope="module")
def before(trained: RunModel) -> dict[str, np.ndarray]:
    return {path: variable.numpy() for path, variable in variables_by_path(trained.model).items()}


@pytest.fixture(scope="module")
def predicted(trained: RunModel) -> dict[str, np.ndarray]:
    return scores(trained)


@pytest.fixture(scope="module")
def earlier(trained: RunModel, predicted: dict, before: dict, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return keep(trained, tmp_path_factory.mktemp("earlier"))


def test_names_are_those_of_checkpoints(trained: RunModel, earlier: RunDirectory) -> None:
    saved = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(earlier.checkpoints))).get_variable_to_shape_map()
    of_model = {key for key in saved if key.startswith("model/")}
    assert {checkpoint_key(path) for path in variables_by_path(trained.model)} == of_model
    assert any(".S" in key for key in of_model)


def test_meanings_are_told_of_variables_that_there_are(trained: RunModel) -> None:
    paths, meanings = variables_by_path(trained.model), meanings_of(trained.model, trained.config.model)
    for path, axis in meanings["axes"].items():
        sizes = [part["size"] for part in axis["parts"]]
        assert sum(sizes) == paths[path].shape[axis["axis"]]
        assert all(part["values"] is None or len(part["values"]) == part["size"] for part in axis["parts"])
    for name in meanings["descriptions"]:
        assert any(path == name or path.startswith(f"{name}/") for path in paths), name


@pytest.mark.slow
def test_with_equal_statistics_it_predicts_what_the_earlier_model_did(
    small_run: Path, earlier: RunDirectory, predicted: dict
) -> None:
    model = run_model(RunDirectory.at(small_run), "training.seed=99")
    fresh = scores(model)
    weights = model.model.balancer.weights.numpy()
    result = take_over(model.model, model.config.model, earlier)
    started = scores(model)
    for task in ("click", "watch_time"):
        np.testing.assert_array_equal(started[task], predicted[task])
        assert np.abs(fresh[task] - predicted[task]).max() > 0.01
    assert result.fresh == {} and all(known == of for known, of in result.positions.values())
    assert str(result) == (
        f"starts from {earlier.root}, takes over {len(result.taken)} of {len(result.taken)} variables"
    )
    np.testing.assert_array_equal(model.model.balancer.weights.numpy(), weights)


def other_vocabulary(statistics: dict) -> dict:
    """A new most frequent age group, tags in another order and without the rarest, an hour that is gone."""
    of_user, of_video = statistics["user"]["age_group"]["categorical"], statistics["video"]["tags"]["categorical"]
    of_user["values"].insert(0, ["newborn", 1000])
    of_video["values"] = of_video["values"][-2::-1]
    of_request = statistics["_readout"]["hour"]["categorical"]
    of_request["values"] = [pair for pair in of_request["values"] if pair[0] != 7]
    return statistics


def test_values_keep_their_embeddings_when_vocabularies_change(
    small_run: Path, earlier: RunDirectory, trained: RunModel, before: dict
) -> None:
    model = run_model(RunDirectory.at(small_run), "training.seed=99", statistics=other_vocabulary)
    fresh = {path: variable.numpy() for path, variable in variables_by_path(model.model).items()}
    result, after = taken_from(earlier, model)
    old, new = (meanings_of(of.model, of.config.model)["axes"] for of in (trained, model))
    compared = 0
    for path in new:
        rows, old_rows = by_value(after[path], new[path]), by_value(before[path], old[path])
        for value, row in rows.items():
            if value in old_rows:
                np.testing.assert_array_equal(row, old_rows[value])
                compared += 1
            elif path.startswith("auto_encoder"):
                np.testing.assert_array_equal(row, by_value(fresh[path], new[path])[value])
            else:
                np.testing.assert_array_equal(row, old_rows[(value[0], None)])
    assert compared > 50 and result.fresh == {}
    known, of = result.positions[TABLE]
    assert of - known == 1
    assert "rows of tables and outputs of decoders are new" in str(result)


def by_value(value: np.ndarray, axis: dict) -> dict[tuple[str, Any], np.ndarray]:
    rows, found, position = np.moveaxis(value, axis["axis"], 0), {}, 0
    for part in axis["parts"]:
        for element in part["values"] or range(part["size"]):
            found[(part["name"], element)] = rows[position]
            position += 1
    return found


def one_more_value(statistics: dict) -> dict:
    statistics["user"]["age_group"]["categorical"]["values"].insert(0, ["newborn", 1000])
    return statistics


def test_with_one_more_value_old_records_are_scored_as_before(
    small_run: Path, earlier: RunDirectory, predicted: dict
) -> None:
    model = run_model(RunDirectory.at(small_run), statistics=one_more_value)
    take_over(model.model, model.config.model, earlier)
    for task, values in scores(model).items():
        np.testing.assert_array_equal(values, predicted[task])


def test_what_has_another_meaning_starts_fresh(small_run: Path, earlier: RunDirectory, before: dict) -> None:
    overrides = [
        "model.features.video.duration={kind: numeric, transforms: [standard]}",
        "model.tasks.watch_time={label: watch_ms, kind: regression, scale: 10}",
        "model.auto_encoder.enabled=false",
        "model.encoder.rounds=2",
        # Of what is trained, and how, nothing is another meaning.
        "model.tasks.click={label: click, weight: 3}",
        "training.mixed_precision=bfloat16",
    ]
    model = run_model(RunDirectory.at(small_run), *overrides)
    fresh = {path: variable.numpy() for path, variable in variables_by_path(model.model).items()}
    result, after = taken_from(earlier, model)
    video, user = (f"encoder/_initial_states/_projections/{name}/kernel" for name in ("video", "user"))
    assert fresh[video].shape == before[video].shape
    assert result.fresh[video] == "of other features or another task" and user in result.taken
    assert "ranker_fields/_features/_embedded/values_8" in result.taken
    assert all(path in result.fresh for path in after if path.startswith("towers/"))
    assert set(result.fresh.values()) == {"of other features or another task", "not in the earlier model"}
    for path, value in after.items():
        if path in result.fresh:
            np.testing.assert_array_equal(value, fresh[path])
        elif not path.startswith("balancer/"):
            np.testing.assert_array_equal(value, before[path])
    assert "; fresh, of other features or another task: " in str(result) and " more" in str(result)


def test_another_width_starts_fresh(small_run: Path, earlier: RunDirectory) -> None:
    model = run_model(RunDirectory.at(small_run), "model.towers.task_units=[4]", "arm=no_graph")
    result = take_over(model.model, model.config.model, earlier)
    assert result.fresh["towers/_towers/click/_mlp/_sublayers/0/kernel"] == "of other features or another task"
    narrow = run_model(RunDirectory.at(small_run), "model.towers.task_units=[4]")
    result = take_over(narrow.model, narrow.config.model, earlier)
    assert (
        result.fresh["towers/_towers/click/_mlp/_sublayers/0/kernel"] == "of another shape (16 x 8 before, now 16 x 4)"
    )
    assert "towers/_bottom/_sublayers/0/kernel" in result.taken


def test_what_can_not_be_read_is_named(earlier: RunDirectory, tmp_path: Path) -> None:
    check_start(earlier)
    with pytest.raises(ConfigurationError, match=r"nothing/training.json is not there: expected the folder of a fin"):
        check_start(RunDirectory.at(tmp_path / "nothing"))
    for number, (pattern, spoil) in enumerate(
        [
            ("ckpt-*.data*", lambda path: path.write_bytes(path.read_bytes()[:1000])),
            ("ckpt-*.index", lambda path: path.write_bytes(b"no index")),
            ("meanings.json", Path.unlink),
            ("meanings.json", lambda path: path.write_text("{}")),
            ("checkpoint", Path.unlink),
        ]
    ):
        spoiled = RunDirectory.at(shutil.copytree(earlier.root, tmp_path / str(number)))
        [path] = spoiled.checkpoints.glob(pattern)
        spoil(path)
        with pytest.raises(ConfigurationError, match=f"training.warm_start_from: {spoiled.root}: ") as error:
            check_start(spoiled)
        assert "can't be read" in str(error.value) or "has no checkpoint" in str(error.value)


@given(
    old=st.lists(st.integers(0, 12), unique=True, max_size=8),
    new=st.lists(st.integers(0, 12), unique=True, max_size=8),
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    axis=st.integers(0, 1),
)
def test_positions_go_by_value(old: list[int], new: list[int], sizes: tuple[int, int], axis: int) -> None:
    """Against dictionaries: a table of values between two that are told apart by their numbers."""

    def axis_of(values: list[int], hashed: int) -> dict[str, Any]:
        parts = [
            {"name": "a", "size": 2, "values": None, "shared_by_others": False},
            {"name": "b", "size": len(values) + 1, "values": [None, *values], "shared_by_others": True},
            {"name": "c", "size": hashed, "values": None, "shared_by_others": False},
        ]
        return {"axis": axis, "parts": parts}

    def filled(values: list[int], hashed: int, first: int) -> np.ndarray:
        rows = first + np.arange((3 + len(values) + hashed) * 5, dtype=np.float32).reshape(-1, 5)
        return np.moveaxis(rows, 0, axis)

    value, old_value = filled(new, sizes[1], 0), filled(old, sizes[0], 1000)
    result, known = taken_by_position(value, axis_of(new, sizes[1]), old_value, axis_of(old, sizes[0]))
    rows, fresh, old_rows = (np.moveaxis(array, axis, 0) for array in (result, value, old_value))
    expected = {element: old_rows[3 + place] for place, element in enumerate(old)}
    np.testing.assert_array_equal(rows[:3], old_rows[:3])
    for place, element in enumerate(new):
        np.testing.assert_array_equal(rows[3 + place], expected.get(element, old_rows[2]))
    source = old_rows[3 + len(old) :] if sizes[0] == sizes[1] else fresh[3 + len(new) :]
    np.testing.assert_array_equal(rows[3 + len(new) :], source)
    assert known == 3 + len(set(old) & set(new)) + (sizes[0] if sizes[0] == sizes[1] else 0)
