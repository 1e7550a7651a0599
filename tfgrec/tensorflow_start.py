"""What TensorFlow's libraries write to standard error while they are imported, kept from between a command's own lines.

From 2.17 on, TF_CPP_MIN_LOG_LEVEL has no say in these: they come before TensorFlow has read it.
"""

import contextlib
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from types import ModuleType

_VARIABLE, _NOTHING = "TF_CPP_MIN_LOG_LEVEL", "3"
# Fatal ones are no such lines.
_START_LINE = re.compile(rb"WARNING: All log messages before absl::InitializeLog|[IWE]\d{4} \d\d:\d\d:\d+\.\d+ ")


def keep_start_quiet() -> None:
    """Makes the first import of TensorFlow in this process a quiet one, unless the environment asks for messages."""
    if os.environ.setdefault(_VARIABLE, _NOTHING) != _NOTHING or "tensorflow" in sys.modules:
        return
    if not any(isinstance(finder, _TensorFlowFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _TensorFlowFinder())


class _TensorFlowFinder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as the other finders do, once."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_quietly(module: ModuleType) -> None:
                with _without_start_lines(), _kept_from_collection():
                    execute(module)

            spec.loader.exec_module = execute_quietly
        return spec


@contextlib.contextmanager
def _kept_from_collection() -> Iterator[None]:
    """Keeps Python's garbage collector away from what is imported: 400,000 objects, none of which is ever garbage.

    It would look at all of them again and again while functions are traced, for seconds.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def _without_start_lines() -> Iterator[None]:
    """Holds back all that is written to standard error meanwhile, and then writes what is no start-up line."""
    sys.stderr.flush()
    own = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(own, 2)
            os.close(own)
            held.seek(0)
            for line in held:
                if not _START_LINE.match(line):
                    os.write(2, line)
