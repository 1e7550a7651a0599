"""Feedback delays of edge sets that show the outcomes of others."""

from derived_shop import derived_tables

from beam_jobs.graph_shards.feedback_delays import feedback_delays
from tfgrec.config import TablesConfig


def test_delays_are_at_least_those_of_what_edges_are_derived_from() -> None:
    values = derived_tables("co_watched", "room_for", "alike").model_dump(by_alias=True)
    own = {"watched": 7, "watched_by": 7, "clicked": 2, "clicked_by": 2, "visited": 3, "visited_by": 3, "alike": 8}
    for name, of in values["edge_sets"].items():
        of["feedback_delay_seconds"] = own.get(name, 0)
    delays = feedback_delays(TablesConfig.model_validate(values))
    expected = {"co_watched": 7, "room_for": 3, "alike": 8, "watched_by": 7, "made_by": 0}
    assert {name: delays[name] for name in expected} == {name: of * 1_000 for name, of in expected.items()}
