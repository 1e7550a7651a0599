"""Which folder a command may write its run into: a new one, an empty one, or one of its own kind. Never another's."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import tfgrec
from tfgrec.errors import ConfigurationError
from tfgrec.files import write_json
from tfgrec.run.leftovers import remove_leftovers
from tfgrec.run.lock import LOCK, only_run

Kind = Literal["run", "evaluation", "pipeline", "experiment"]

MARK = "tfgrec.json"
"""The file that says whose a folder is; the first one that is written there."""
_IS = {
    "run": "a run directory",
    "evaluation": "the output of tfgrec-evaluate",
    "pipeline": "the root of a pipeline",
    "experiment": "the folder of an experiment",
}
_OPTIONS = {"run": "--run-dir", "evaluation": "--output", "pipeline": "--pipeline-root", "experiment": "--run-dir"}
# What a trained or a compared run has, and an evaluation has not.
_TRAINED = {"checkpoints", "training.json", "arms", "variants"}


@contextlib.contextmanager
def claimed(folder: Path, kind: Kind) -> Iterator[bool]:
    """Holds a folder for what a command writes there, and marks it as of its kind; makes it if need be.

    What killed commands left half written there is removed, but from a pipeline's artifacts, which are TFX's.

    Yields:
      Whether no other process can be at work there, see `only_run`.

    Raises:
      ConfigurationError: there are files of something else, another process is at work there, or the folder can't be
        written to.
      OutputError: the mark can't be written.
    """
    # Before there is a lock file: of what is not ours nothing is touched.
    check_claim(folder, kind)
    with only_run(folder, option=_OPTIONS[kind]) as held:
        check_claim(folder, kind)
        if not (folder / MARK).exists():
            write_json(folder / MARK, {"kind": kind, "tfgrec": tfgrec.__version__})
        if held and kind != "pipeline":
            remove_leftovers(folder)
        yield held


def check_claim(folder: Path, kind: Kind) -> None:
    """Refuses a folder that holds anything else than what a command of that kind wrote; writes nothing.

    Raises:
      ConfigurationError: names the folder, and what is there.
    """
    where = f"{_OPTIONS[kind]} {folder}"
    if not folder.is_dir():
        return
    try:
        names = sorted(path.name for path in folder.iterdir() if not _came_before_mark(path.name))
        found = _kind_of(folder, names, kind)
    except OSError as error:
        raise ConfigurationError(f"{where}: can't be read: {error.strerror}") from error
    if names and found is None:
        raise ConfigurationError(
            f"{where}: holds files of something else ('{names[0]}') and is not {_IS[kind]}: choose a new or an empty "
            "folder"
        )
    if names and found != kind:
        raise ConfigurationError(f"{where}: is {_IS[found]}, not {_IS[kind]}: choose another folder")


def _came_before_mark(name: str) -> bool:
    return name == LOCK or name.startswith(f".{MARK}.")


def _kind_of(folder: Path, names: list[str], wanted: Kind) -> Kind | None:
    """What wrote a folder, the `wanted` kind where it can't be told from others; None for what is not known."""
    if MARK in names:
        kind = _read(folder / MARK).get("kind")
        return kind if kind in _IS else None
    # Earlier versions left no mark.
    if "metadata.sqlite" in names:
        return "pipeline"
    if set(names) <= {"metrics.json", "predictions.parquet"}:
        return "evaluation" if "validation" in _read(folder / "metrics.json") else None
    if not any({"inputs", "outputs"} <= _read(path).keys() for path in (folder / "stages").glob("*.json")):
        return None
    return "run" if wanted == "pipeline" or _TRAINED & set(names) else wanted


def _read(path: Path) -> Mapping[str, Any]:
    """An object of a JSON file; an empty one where there is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
