"""Which folder a job may replace by its output: one that a job of the same kind wrote, and in which nobody else did."""

import json
import re
from typing import Any, Literal

from apache_beam.io.filesystems import FileSystems

from beam_jobs.running.listed_files import files_below
from tfgrec.errors import InputDataError
from tfgrec.graph.store.layout import FORMAT

Kind = Literal["graph", "examples"]

MANIFEST = "manifest.json"
_TOLD = {"graph": "a graph store", "examples": "records"}
_FILES = {
    "graph": re.compile(r"(nodes|edges)/.+\.arrow"),
    "examples": re.compile(r"[^/]+/part-[^/]+\.tfrecord"),
}
# Of both kinds: reports, bad rows, what a pipeline notes, and what was never finished.
_OTHERS = re.compile(
    r"manifest\.json|audit\.json|made_from\.json|dead_letters/.+\.jsonl|.*\.unfinished.*|(.*/)?\.[^/]+\.[0-9a-f]{32}"
)
_CHOOSE = "choose another folder"


def refuse_foreign(output: str, kind: Kind) -> None:
    """Refuses to replace what is not an earlier output of the same kind, and nothing but that.

    Raises:
      InputDataError: names a file that is in the way.
    """
    prefix = f"{output.rstrip('/')}/"
    names = [path[len(prefix) :] for path in files_below(output)]
    if not names:
        return
    if MANIFEST not in names:
        raise InputDataError(f"--output {output}: holds files of something else (no {MANIFEST}): {_CHOOSE}")
    found = _kind_of(FileSystems.join(output, MANIFEST), names)
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
        with FileSystems.open(path) as file:
            values = json.loads(file.read())
    except ValueError:
        return None
    return values if isinstance(values, dict) else {}
