"""Which folder a job may replace by its output: one that a job of the same kind wrote, and in which nobody else did."""

import re
from typing import Any, Literal

from tfgrec import files
from tfgrec.errors import InputDataError
from tfgrec.generations import POINTER, current_generation, is_generation
from tfgrec.graph.store.layout import FORMAT

Kind = Literal["graph", "examples"]

MANIFEST = "manifest.json"
_TOLD = {"graph": "a graph store", "examples": "records"}
_FILES = {
    "graph": re.compile(r"(nodes|edges)/.+\.arrow"),
    "examples": re.compile(r"[^/]+/part-[^/]+\.tfrecord"),
}
# What a worker that was lost left half written.
UNFINISHED = re.compile(r".*\.unfinished-.*|(.*/)?\.[^/]+\.[0-9a-f]{32}")
# Of both kinds: reports, bad rows, what a pipeline notes, and what was never finished.
_OTHERS = re.compile(
    rf"manifest\.json|audit\.json|made_from\.json|dead_letters/.+\.jsonl|.*\.unfinished.*|{UNFINISHED.pattern}"
)
_CHOOSE = "choose another folder"


def refuse_foreign(output: str, kind: Kind) -> None:
    """Refuses to replace what is not an earlier output of the same kind, and nothing but that.

    Raises:
      InputDataError: names a file that is in the way.
    """
    if not output:
        raise InputDataError("--output: names no folder")
    if files.exists(output) and not files.is_folder(output):
        raise InputDataError(f"--output {output}: is no folder: {_CHOOSE}")
    folder, names = _earlier_output(output)
    if not names:
        return
    if MANIFEST not in names:
        raise InputDataError(f"--output {output}: holds files of something else (no {MANIFEST}): {_CHOOSE}")
    found = _kind_of(files.join(folder, MANIFEST), names)
    if found is None:
        raise InputDataError(f"--output {output}: holds files of something else ({MANIFEST} is not ours): {_CHOOSE}")
    if found != kind:
        raise InputDataError(f"--output {output}: holds {_TOLD[found]}, not {_TOLD[kind]}: {_CHOOSE}")
    strangers = [name for name in names if not _FILES[kind].fullmatch(name) and not _OTHERS.fullmatch(name)]
    if strangers:
        raise InputDataError(
            f"--output {output}: would be replaced, and holds '{strangers[0]}', which no job wrote: move it away, or "
            f"{_CHOOSE}"
        )


def _earlier_output(output: str) -> tuple[str, list[str]]:
    """The folder of an earlier output, and the names of its files in it.

    On an object store these are the current generation's and, after them, what lies beside all generations; other
    generations stay as they are, and count for nothing.
    """
    if files.is_local(output):
        return output, _names_below(output)
    current, names = current_generation(output), _names_below(output)
    while current != (newer := current_generation(output)):
        # Another job has replaced it while it was listed.
        current, names = newer, _names_below(output)
    inside = [name[len(current) + 1 :] for name in names if current and name.startswith(f"{current}/")]
    return (files.join(output, current) if current else output), inside + [name for name in names if _is_beside(name)]


def _names_below(folder: str) -> list[str]:
    prefix = f"{folder.rstrip('/')}/"
    return [path[len(prefix) :] for path in files.files_below(folder)]


def _is_beside(name: str) -> bool:
    folder, _, below = name.partition("/")
    return name != POINTER and not (below and is_generation(folder))


def _kind_of(manifest: str, names: list[str]) -> Kind | None:
    values = _read(manifest)
    if values is None:
        # Damaged: its neighbours tell.
        return next((kind for kind, of_kind in _FILES.items() if any(map(of_kind.fullmatch, names))), None)
    if values.get("format") == FORMAT:
        return "graph"
    return "examples" if {"schema", "splits"} <= values.keys() else None


def _read(path: str) -> dict[str, Any] | None:
    """The manifest; an empty one where it is no object, and None where it is no JSON."""
    try:
        values = files.read_json(path)
    except InputDataError:
        return None
    return values if isinstance(values, dict) else {}
