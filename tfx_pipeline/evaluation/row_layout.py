"""What the Evaluator has to know of the examples; rides in the EvalConfig, since TFX gives its extractors no more."""

from pathlib import Path

import numpy as np

from tfgrec.config import RunConfig, load_tables_config
from tfgrec.config.base import FrozenConfig
from tfgrec.config.model import TaskConfig
from tfgrec.config.pipeline import SliceConfig
from tfgrec.data.schema_file import read_graph_schema
from tfgrec.graph.sampling.events_of_roots import RootEvents, events_of_roots
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.schema import USER_READOUT

SCENARIO = "scenario"
MISSING = "missing"
COLD, WARM = "cold", "warm"


class RowLayout(FrozenConfig):
    """How a record becomes rows, one a candidate.

    `tasks` name the labels, `slices` the `_readout` features that cut the rows. `user_node_set` has the ids by which
    GAUC groups rows. Slices of fewer than `min_rows` rows are not for people to look at. `events` is what shows that
    users and items had any, by readout edge set, where a slice asks.
    """

    tasks: dict[str, TaskConfig]
    user_node_set: str
    slices: dict[str, SliceConfig]
    min_rows: int
    events: dict[str, RootEvents] = {}

    @classmethod
    def of(cls, config: RunConfig) -> "RowLayout":
        """The layout of a run's examples; `evaluation.scenario` is a slice in any case."""
        scenario = config.evaluation.scenario
        slices = {} if scenario is None else {SCENARIO: SliceConfig(feature=scenario)}
        asks = any(cut.cold is not None for cut in config.pipeline.slices.values())
        return cls(
            tasks=config.model.tasks,
            user_node_set=load_tables_config(config.schema_dir).requests.user_node_set,
            slices={**slices, **config.pipeline.slices},
            min_rows=config.evaluation.min_scenario_rows,
            events=_events(config) if asks else {},
        )

    def readouts(self, cut: SliceConfig) -> list[str]:
        """The readout edge sets whose nodes a slice of cold ones asks for, of those that tell."""
        told = [name for name, of in self.events.items() if of.tell]
        return [name for name in told if (name == USER_READOUT) == (cut.cold == "user")]


def _events(config: RunConfig) -> dict[str, RootEvents]:
    schema = read_graph_schema(Path(config.schema_dir) / "graph.pbtxt", load_tables_config(config.schema_dir))
    return events_of_roots(record_schema(schema, config.sampling), config.sampling)


def slice_texts(values: np.ndarray, cut: SliceConfig) -> np.ndarray:
    """Which slice each of `values` `[num_rows]` is in, as text: the value itself, or the range it is in; strings
    `[num_rows]`. NaN is in the slice "missing"."""
    if cut.boundaries:
        ranges = np.array(range_texts(cut.boundaries))
        return np.where(np.isnan(values), MISSING, ranges[np.digitize(values, cut.boundaries)])
    known, positions = np.unique(values, return_inverse=True)
    return np.array([_text(value) for value in known], dtype=str)[positions]


def range_texts(boundaries: list[float]) -> list[str]:
    """The ranges between boundaries, in their order: [1, 10] makes "< 1", "1 to 10" and ">= 10"."""
    between = zip(boundaries[:-1], boundaries[1:], strict=True)
    return [f"< {boundaries[0]:g}", *(f"{low:g} to {high:g}" for low, high in between), f">= {boundaries[-1]:g}"]


def _text(value: bytes | float) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return MISSING if np.isnan(value) else f"{value:g}" if isinstance(value, np.floating) else str(value)
