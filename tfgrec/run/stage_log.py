"""Stages of a run that are done once: skipped while nothing that they depend on has changed."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tfgrec
from tfgrec import files
from tfgrec.child_process import call_module
from tfgrec.errors import TfgrecError
from tfgrec.files import StrPath, write_json
from tfgrec.generations import whole_folder
from tfgrec.run.far_files import send_changes
from tfgrec.run.fingerprint import file_sizes
from tfgrec.run.working_folder import url_of
from tfgrec.told_damage import told_damage


class StageFailed(Exception):
    """A stage run as a process of its own failed; it has said why, unless it was killed."""

    def __init__(self, module: str, exit_code: int):
        super().__init__(f"{module} ended with exit code {exit_code}")
        self.exit_code = exit_code


class StageLog:
    """Runs stages and remembers, in one JSON a stage, what each was made from and what it wrote.

    Args:
      folder: where the records are; outputs are recorded relative to its parent, so that a run can be moved. Where this
        is the working folder of a run at a URL, it is sent there when a stage is done.
      announce: told what is done or skipped, and why.
    """

    def __init__(self, folder: Path, *, announce: Callable[[str], None] = print):
        self._folder = folder
        self._root = folder.parent
        self._announce = announce

    def run(
        self,
        name: str,
        *,
        inputs: Mapping[str, Any],
        outputs: Sequence[StrPath],
        work: Callable[[], None],
        verify: Callable[[], None] | None = None,
    ) -> bool:
        """Does `work`, unless it was done before with these inputs and its outputs are still there.

        Args:
          name: the stage.
          inputs: all that the outputs depend on, as JSON values; tfgrec's version counts too.
          outputs: files and folders that `work` writes, on a disk or at URLs; each must exist afterwards.
          work: writes the outputs; an exception leaves the stage undone.
          verify: looks at outputs that were written before; a TfgrecError means that they have to be written again.

        Returns:
          Whether `work` was done.
        """
        inputs = json.loads(json.dumps({**inputs, "tfgrec": tfgrec.__version__}))
        reason = self._reason_to_run(name, inputs, outputs) or _damage(verify)
        if reason is None:
            self._announce(f"{name}: skipped, inputs and outputs are as they were")
            return False
        self._announce(f"{name}: {reason}")
        if self._record(name).exists():
            self._record(name).unlink()
            send_changes(self._root)
        started = time.monotonic()
        with told_damage():
            work()
        for path in outputs:
            if not files.exists(path):
                raise RuntimeError(f"stage {name} ended without writing {path}")
        seconds = time.monotonic() - started
        record = {"inputs": inputs, "outputs": self._sizes(outputs), "seconds": seconds}
        write_json(self._record(name), record)
        send_changes(self._root)
        self._announce(f"{name}: done in {seconds:,.0f} s")
        return True

    def _reason_to_run(self, name: str, inputs: Mapping[str, Any], outputs: Sequence[StrPath]) -> str | None:
        try:
            record = json.loads(self._record(name).read_text(encoding="utf-8"))
            recorded, sizes = dict(record["inputs"]), dict(record["outputs"])
        except FileNotFoundError:
            return "started"
        except (ValueError, KeyError, TypeError):
            return f"done again, its record is damaged: {self._record(name)}"
        changed = sorted(key for key in inputs.keys() | recorded.keys() if inputs.get(key) != recorded.get(key))
        if changed:
            return f"done again, changed since: {', '.join(changed)}"
        far = self._far_sizes(outputs)
        missing = [
            path for path, size in sizes.items() if far.get(path) != size and not _has_size(self._root / path, size)
        ]
        if missing:
            return f"done again, missing or cut short: {missing[0]}"
        return None

    def _sizes(self, outputs: Sequence[StrPath]) -> dict[str, int]:
        """Path below the run -> bytes, of all files of the outputs."""
        on_disk = file_sizes(self._root, [Path(path) for path in outputs if files.is_local(path)])
        return {**on_disk, **self._far_sizes(outputs)}

    def _far_sizes(self, outputs: Sequence[StrPath]) -> dict[str, int]:
        """Those of the outputs at URLs, each told by one listing."""
        root = f"{url_of(self._root)}/"
        found = {}
        for output in (str(output) for output in outputs if not files.is_local(output)):
            single = files.size(output)
            of_output = {output: single} if single >= 0 else _sizes_below(whole_folder(output))
            found |= {path.removeprefix(root): size for path, size in of_output.items()}
        return found

    def _record(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def run_module(module: str, *arguments: str) -> None:
    """Runs `python -m module arguments` in a process of its own, which ends with this one.

    Raises:
      StageFailed: it ended with an exit code that is not zero.
    """
    check_exit_code(module, call_module(module, arguments))


def check_exit_code(module: str, exit_code: int) -> None:
    """Raises StageFailed unless a module's process, which a signal ended if `exit_code` is negative, went well."""
    if exit_code:
        raise StageFailed(module, exit_code if exit_code > 0 else 128 - exit_code)


def _damage(verify: Callable[[], None] | None) -> str | None:
    try:
        if verify is not None:
            verify()
    except TfgrecError as error:
        return f"done again: {error}"
    return None


def _sizes_below(folder: str) -> dict[str, int]:
    return {path: file.bytes for path, file in files.files_below(folder).items()}


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
