"""What a run that was killed again and again has to be in the end: the same as one that was left alone."""

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

_TIMED = {"seconds", "steps_per_second", "requests_per_second"}
_OF_TIMES = {"training", "metrics"}
_TIMED |= {"pretraining_seconds", "embedding_seconds", "full_refresh_seconds"}
# A killed run writes a file of events each time, and a version of the export where it dies right after one.
_NUMBERED = (re.compile(r"(logs/events\.out\.tfevents\.).*"), re.compile(r"(export/)\d+"))
_SAME_BYTES = ("graph/", "examples/", "schema/", "config.yaml", "factors.npz", "checkpoints/cut.json")


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """What is compared of a finished run.

    Attributes:
      names: of all files, without what is numbered.
      files: bytes of those that are made from the data alone.
      metrics: metrics.json and training.json without times.
      predictions: of the validation split.
      stages: what each stage was made from and wrote.
    """

    names: frozenset[str]
    files: Mapping[str, bytes]
    metrics: Mapping[str, Any]
    predictions: pd.DataFrame
    stages: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "FinishedRun":
        paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        own = {name: path for name, path in paths.items() if not name.startswith("previous-")}
        return cls(
            names=frozenset(map(_unnumbered, paths)),
            files={name: path.read_bytes() for name, path in own.items() if name.startswith(_SAME_BYTES)},
            metrics={
                name: timeless(json.loads((folder / f"{name}.json").read_text())) for name in ("metrics", "training")
            },
            predictions=pd.read_parquet(folder / "predictions.parquet"),
            # What is known of files tells their times.
            stages={path.stem: _inputs(path) for path in (folder / "stages").glob("[!k]*.json")},
        )

    def check_equals(self, other: "FinishedRun") -> None:
        """Raises AssertionError with what differs; `other` was left alone."""
        assert self.names == other.names, (
            f"left over: {sorted(self.names - other.names)}, missing: {sorted(other.names - self.names)}"
        )
        different = [name for name in other.files if self.files.get(name) != other.files[name]]
        assert not different, f"other content: {different}"
        assert self.metrics == other.metrics, f"other metrics: {self.metrics}, expected {other.metrics}"
        pd.testing.assert_frame_equal(self.predictions, other.predictions, check_exact=True)
        assert self.stages == other.stages, f"other stages: {self.stages}, expected {other.stages}"


def check_exports(folder: Path, *, newer_than: int = 0) -> None:
    """Loads all versions of the export and scores the validation split with each; to be called in a process apart."""
    import tensorflow as tf

    records = list(tf.data.TFRecordDataset([str(path) for path in sorted((folder / "examples/validation").iterdir())]))
    predictions = pd.read_parquet(folder / "predictions.parquet")
    versions = [int(path.name) for path in (folder / "export").iterdir()]
    assert max(versions) > newer_than, versions
    for version in versions:
        if version > newer_than:
            loaded = tf.saved_model.load(str(folder / "export" / str(version)))
            scores = loaded.signatures["serving_default"](examples=tf.stack(records))
            np.testing.assert_allclose(scores["click"].numpy(), predictions["prediction/click"], atol=1e-5)


def check_whole(folder: Path) -> None:
    """At any moment: what has its own name, and not a temporary one, can be read."""
    for path in folder.rglob("*.json"):
        if not path.name.startswith(".") and "unfinished" not in str(path.relative_to(folder)):
            json.loads(path.read_text())


def _unnumbered(name: str) -> str:
    for pattern in _NUMBERED:
        name = pattern.sub(r"\1", name)
    return name


def _inputs(path: Path) -> Any:
    record = json.loads(path.read_text())
    # training.json tells times, and so do fingerprints of it, of metrics and of what is drawn of them.
    return {key: value for key, value in record["inputs"].items() if not (key in _OF_TIMES and isinstance(value, str))}


def timeless(values: Any) -> Any:
    """The values of a JSON without those that tell how long something took."""
    if isinstance(values, dict):
        return {key: timeless(value) for key, value in values.items() if key not in _TIMED}
    return [timeless(value) for value in values] if isinstance(values, list) else values
