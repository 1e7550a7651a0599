"""Which folder a command may write its run into: a new one, an empty one, or one of its own kind. Never another's."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import tfgrec
from tfgrec import files
from tfgrec.errors import ConfigurationError, TfgrecError
from tfgrec.files import write_json
from tfgrec.run.far_files import BOOKKEEPING, MARK, FarFiles, send_changes
from tfgrec.run.far_lock import only_machine
from tfgrec.run.leftovers import remove_leftovers
from tfgrec.run.lock import LOCK, only_run
from tfgrec.run.working_folder import url_of

Kind = Literal["run", "evaluation", "pipeline", "experiment"]

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

    What killed commands left half written there is removed, but from a pipeline's artifacts, which are TFX's. What a
    working folder stands for (see `tfgrec.run.working_folder`) is held at its URL too, fetched, and sent at the end.

    Yields:
      Whether no other process can be at work there, see `only_run`.

    Raises:
      ConfigurationError: there are files of something else, another process is at work there, or the folder can't be
        written to.
      OutputError: the mark can't be written.
    """
    # Before there is a lock file: of what is not ours nothing is touched.
    check_claim(folder, kind)
    with only_run(folder, option=_OPTIONS[kind]) as held, _held_far(folder, kind):
        check_claim(folder, kind)
        if not (folder / MARK).exists():
            write_json(folder / MARK, {"kind": kind, "tfgrec": tfgrec.__version__})
            send_changes(folder)
        if held and kind != "pipeline":
            remove_leftovers(folder)
        yield held


@contextlib.contextmanager
def written_beside(folder: Path) -> Iterator[None]:
    """For what is written to a run beside others, under names of its own: a run at a URL is held meanwhile, and sent.

    Raises:
      ConfigurationError: another process is at work at the URL.
    """
    with contextlib.nullcontext() if url_of(folder) is None else claimed(folder, "run"):
        yield


@contextlib.contextmanager
def _held_far(folder: Path, kind: Kind) -> Iterator[None]:
    """Holds what a working folder stands for; for other folders does nothing."""
    url = url_of(folder)
    if url is None:
        yield
        return
    far = FarFiles(folder, url)
    # This process holds the folder: of the lock that was last taken here, nobody is alive.
    with only_machine(url, option=_OPTIONS[kind], dead=far.held_by) as lock:
        _check_far(url, kind)
        far.hold(lock)
        far.fetch()
        try:
            yield
        except BaseException:
            # What there is of a run that failed can be looked at there too.
            with contextlib.suppress(TfgrecError):
                far.send()
            raise
        far.send()


def check_claim(folder: Path, kind: Kind) -> None:
    """Refuses a folder that holds anything else than what a command of that kind wrote; writes nothing.

    Raises:
      ConfigurationError: names the folder, and what is there.
    """
    where = f"{_OPTIONS[kind]} {folder}"
    if (url := url_of(folder)) is not None:
        _check_far(url, kind)
        return
    if not folder.is_dir():
        return
    try:
        names = sorted(path.name for path in folder.iterdir() if not _came_before_mark(path.name))
        found = _kind_of(folder, names, kind)
    except OSError as error:
        raise ConfigurationError(f"{where}: can't be read: {error.strerror}") from error
    _check_kind(where, names, found, kind)


def _check_far(url: str, kind: Kind) -> None:
    names = sorted({path[len(url) + 1 :].split("/")[0] for path in files.files_in(url)} - {LOCK})
    values = files.read_json(files.join(url, MARK)) if MARK in names else {}
    found = values.get("kind") if isinstance(values, dict) else None
    _check_kind(f"{_OPTIONS[kind]} {url}", names, found if found in _IS else None, kind)


def _check_kind(where: str, names: Sequence[str], found: Kind | None, kind: Kind) -> None:
    if names and found is None:
        raise ConfigurationError(
            f"{where}: holds files of something else ('{names[0]}') and is not {_IS[kind]}: choose a new or an empty "
            "folder"
        )
    if names and found != kind:
        raise ConfigurationError(f"{where}: is {_IS[found]}, not {_IS[kind]}: choose another folder")


def _came_before_mark(name: str) -> bool:
    return name in (LOCK, *BOOKKEEPING) or name.startswith(f".{MARK}.")


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
