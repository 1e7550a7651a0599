"""Item factors as of times: what they may have seen, where they are kept, and what is refused."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from graph_world import Edge, World, example_world, write_world

from tfgrec.config.match import FactorsConfig
from tfgrec.errors import ConfigurationError
from tfgrec.factors.item_factors import ItemFactors, fit_item_factors, kept_item_factors, refit_times
from tfgrec.factors.outcome_log import read_outcome_log

CONFIG = FactorsConfig(outcomes={"watched": "share"}, dimension=3, regularization=0.5)
BOTH = FactorsConfig(outcomes={"watched": "share", "joined": "scenario"}, dimension=2)


@pytest.fixture(scope="module")
def world() -> World:
    return example_world()


def fitted(world: World, folder: Path, times: list[int], config: FactorsConfig = CONFIG) -> ItemFactors:
    return fit_item_factors(write_world(world, folder, 2), config, times, advance=lambda number: None)


def test_the_log_is_all_edges(world: World, tmp_path: Path) -> None:
    store = write_world(world, tmp_path, 3)
    log = read_outcome_log(store, BOTH.outcomes)
    first = log.first_item["video"]
    users = store.node_features("user", log.users)["#id"].to_numpy()
    of_videos = (log.items >= first) & (log.items < first + store.num_nodes("video"))
    videos = store.node_features("video", log.items[of_videos] - first)["#id"].to_numpy()
    delay = world.feedback_delays.get("watched", 0)
    columns = (users[of_videos], videos, log.visible_from[of_videos] - delay, log.outcomes[of_videos])
    assert sorted(zip(*(column.tolist() for column in columns), strict=True)) == sorted(
        (edge.source, edge.target, edge.time, np.float32(edge.features[1])) for edge in world.edges["watched"]
    )
    assert (~of_videos).sum() == len(world.edges["joined"])


def test_a_refit_knows_nothing_of_what_came_later(world: World, tmp_path: Path) -> None:
    """Every outcome that a request at the refit does not see is changed: its factors stay, those after it do not."""
    times = sorted(edge.time for edge in world.edges["watched"])
    early, late = times[len(times) // 2], times[-1] + 10**9
    limit = early - world.feedback_delays.get("watched", 0)
    edges = [
        edge
        if edge.time < limit
        else dataclasses.replace(edge, features=(edge.features[0], -3.0 * float(edge.features[1]) - 1))
        for edge in world.edges["watched"]
    ]
    changed = dataclasses.replace(world, edges={**world.edges, "watched": edges})
    before, after = (
        fitted(one, tmp_path / name, [early, late]).rows["video"] for one, name in ((world, "one"), (changed, "other"))
    )
    at_early = before.refits == early
    np.testing.assert_array_equal(before.values[at_early], after.values[after.refits == early])
    assert np.abs(before.values[~at_early] - after.values[after.refits == late]).max() > 1e-3
    assert set(before.ids[at_early]) == {edge.target for edge in world.edges["watched"] if edge.time < limit}


def test_rows_rise_by_id_and_refit(world: World, tmp_path: Path) -> None:
    end = max(edge.time for edge in world.edges["watched"] + world.edges["joined"]) + 10**9
    found = fitted(world, tmp_path, [end // 2, end], BOTH)
    assert set(found.rows) == {"video", "live"}
    for rows in found.rows.values():
        pairs = list(zip(rows.ids.tolist(), rows.refits.tolist(), strict=True))
        assert pairs == sorted(set(pairs))
        assert rows.values.dtype == np.float32
        assert rows.values.shape == (len(pairs), 3)


def test_what_is_kept_is_read_again(world: World, tmp_path: Path) -> None:
    end = max(edge.time for edge in world.edges["watched"] + world.edges["joined"]) + 10**9
    made, path = fitted(world, tmp_path / "graph", [end // 2, end], BOTH), tmp_path / "run" / "factors.npz"
    assert kept_item_factors(path, made_from="a", make=lambda: made) is made
    read = kept_item_factors(path, made_from="a", make=lambda: pytest.fail("made again"))
    assert (read.mean, read.deviation) == (made.mean, made.deviation)
    for name, rows in made.rows.items():
        assert read.rows[name].ids.tolist() == rows.ids.tolist()
        np.testing.assert_array_equal(read.rows[name].refits, rows.refits)
        np.testing.assert_array_equal(read.rows[name].values, rows.values)
    other = dataclasses.replace(made, mean=7.0)
    assert kept_item_factors(path, made_from="b", make=lambda: other) is other
    assert kept_item_factors(path, made_from=None, make=lambda: pytest.fail("made again")).mean == 7.0


def test_times_part_the_requests_evenly() -> None:
    times = np.random.default_rng(1).permutation(np.repeat(np.arange(100, 200), 3))
    assert refit_times(times, 4) == [100, 125, 150, 175, 200]
    assert refit_times(np.array([5, 5, 5]), 4) == [5, 6]


def test_outcomes_that_say_nothing_are_refused(world: World, tmp_path: Path) -> None:
    first = min(edge.time for edge in world.edges["watched"])
    with pytest.raises(ConfigurationError, match=r"model.match.factors.outcomes: of \d+ edges, training requests see"):
        fitted(world, tmp_path / "early", [first])
    equal = [Edge(edge.source, edge.target, edge.time, (edge.features[0], 1.0)) for edge in world.edges["watched"]]
    flat = dataclasses.replace(world, edges={**world.edges, "watched": equal})
    with pytest.raises(ConfigurationError, match="or all outcomes that they see are equal"):
        fitted(flat, tmp_path / "flat", [first + 10**12])


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        ({"watched": "device"}, "outcomes.watched: 'device' is no number of its edges: "),
        ({"watched": "shar"}, "outcomes.watched: 'shar' is no number of its edges: did you mean 'share'?"),
        ({"follows": "share"}, "outcomes.follows: leads from 'user' to 'user': expected edges from 'user' to cand"),
        ({"watched_by": "share"}, "outcomes.watched_by: leads from 'video' to 'user'"),
    ],
)
def test_outcomes_that_are_none_are_refused(world: World, tmp_path: Path, outcomes: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read_outcome_log(write_world(world, tmp_path, 1), outcomes)
    assert told in str(error.value)
