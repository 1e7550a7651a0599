"""Item factors as of several times, so that no request reads what was learned from its own outcome or later ones."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tfgrec.config.match import FactorsConfig
from tfgrec.errors import ConfigurationError
from tfgrec.factors.alternating_least_squares import Factors, Ridge, factorise
from tfgrec.factors.outcome_log import OutcomeLog, read_outcome_log
from tfgrec.files import write_atomically
from tfgrec.graph.schema import ID
from tfgrec.graph.store.graph_store import GraphStore

# The first fit starts from noise, later ones from the one before.
_FIRST_PASSES, _PASSES = 12, 4
_MADE_FROM, _SCALE = "made_from", "scale"


@dataclasses.dataclass(frozen=True)
class FactorRows:
    """Factors of one node set's items: a row for each item and refit before which it had an outcome.

    Attributes:
      ids: raw ids, int64 or text `[num_rows]`, rising.
      refits: milliseconds since 1970, int64 `[num_rows]`, rising for each id.
      values: vectors and, last, biases, float32 `[num_rows, dimension + 1]`.
    """

    ids: np.ndarray
    refits: np.ndarray
    values: np.ndarray


@dataclasses.dataclass(frozen=True)
class ItemFactors:
    """Factors of all items that have one.

    Attributes:
      rows: by node set.
      mean: of the outcomes that the first refit with any sees.
      deviation: of the same; biases and products of vectors are in units of it.
    """

    rows: dict[str, FactorRows]
    mean: float
    deviation: float


def refit_times(request_times: np.ndarray, refits: int) -> list[int]:
    """When to refit: at times between which there are about equally many requests, and once after the last request.

    Args:
      request_times: of the training requests, milliseconds since 1970, int64 `[num_requests]`, not empty.
      refits: how many there are before the last, at most.
    """
    ordered = np.sort(request_times)
    starts = ordered[np.arange(refits) * len(ordered) // refits]
    return sorted({*starts.tolist(), int(ordered[-1]) + 1})


def fit_item_factors(
    store: GraphStore, config: FactorsConfig, times: Sequence[int], *, advance: Callable[[int], None]
) -> ItemFactors:
    """Fits the items' factors to the outcomes that a request at each of `times`, rising, would see.

    Raises:
      ConfigurationError: no outcome is seen at any time, or all are equal.
    """
    log = read_outcome_log(store, config.outcomes)
    mean, deviation = _scale(log, times)
    factors, found = Factors.initial(log.num_items, config.dimension), []
    ridge = Ridge(config.regularization, config.bias_regularization)
    for time in times:
        seen = log.seen_at(time)
        advance(1)
        if not len(seen.outcomes):
            continue
        factors = factorise(
            seen.users,
            seen.items,
            (seen.outcomes - mean) / deviation,
            num_users=log.num_users,
            # An item that was new has zeros, and takes part all the same: its users' vectors are not zero.
            start=factors,
            ridge=ridge,
            passes=_PASSES if found else _FIRST_PASSES,
        )
        found.append((time, np.unique(seen.items), factors))
    return ItemFactors(_rows(store, log, found), mean, deviation)


def kept_item_factors(path: Path, *, made_from: str | None, make: Callable[[], ItemFactors]) -> ItemFactors:
    """What `path` holds if that was made from `made_from` (None: from anything); else what `make` makes, which is
    written there."""
    if path.exists():
        with np.load(path) as kept:
            if made_from is None or str(kept[_MADE_FROM]) == made_from:
                return _read(kept)
    made = make()
    columns = {_MADE_FROM: np.array(made_from or ""), _SCALE: np.array([made.mean, made.deviation])}
    for node_set, rows in made.rows.items():
        # Texts of one width: nothing has to be unpickled.
        ids = rows.ids.astype(str) if rows.ids.dtype == object else rows.ids
        columns |= {f"ids/{node_set}": ids, f"refits/{node_set}": rows.refits, f"values/{node_set}": rows.values}

    def write(file: BinaryIO) -> None:
        np.savez_compressed(file, **columns)

    write_atomically(path, write)
    return made


def _read(kept: np.lib.npyio.NpzFile) -> ItemFactors:
    rows = {}
    for node_set in sorted(name.partition("/")[2] for name in kept.files if name.startswith("ids/")):
        ids = kept[f"ids/{node_set}"]
        ids = ids.astype(object) if ids.dtype.kind == "U" else ids
        rows[node_set] = FactorRows(ids, kept[f"refits/{node_set}"], kept[f"values/{node_set}"])
    mean, deviation = kept[_SCALE].tolist()
    return ItemFactors(rows, mean, deviation)


def _scale(log: OutcomeLog, times: Sequence[int]) -> tuple[float, float]:
    """Mean and deviation of the outcomes that the first of the times with any sees."""
    for time in times:
        outcomes = log.outcomes[log.visible_from < time]
        if len(outcomes) and outcomes.std() > 0:
            return float(outcomes.mean()), float(outcomes.std())
    raise ConfigurationError(
        f"model.match.factors.outcomes: of {len(log.outcomes):,} edges, training requests see none, or all outcomes "
        "that they see are equal: expected edges of the days before, with different outcomes"
    )


def _rows(
    store: GraphStore, log: OutcomeLog, found: Sequence[tuple[int, np.ndarray, Factors]]
) -> dict[str, FactorRows]:
    items = np.concatenate([seen for _, seen, _ in found])
    refits = np.concatenate([np.full(len(seen), time, np.int64) for time, seen, _ in found])
    values = np.concatenate(
        [np.concatenate([of.vectors[seen], of.biases[seen, np.newaxis]], axis=1) for _, seen, of in found]
    ).astype(np.float32)
    rows = {}
    for node_set, first in log.first_item.items():
        own = np.flatnonzero((items >= first) & (items < first + store.num_nodes(node_set)))
        ids = _raw_ids(store, node_set, items[own] - first)
        own, ids = own[order := np.lexsort((refits[own], ids))], ids[order]
        rows[node_set] = FactorRows(ids, refits[own], values[own])
    return rows


def _raw_ids(store: GraphStore, node_set: str, nodes: np.ndarray) -> np.ndarray:
    distinct, places = np.unique(nodes, return_inverse=True)
    return store.node_features(node_set, distinct)[ID].to_numpy(zero_copy_only=False)[places]
