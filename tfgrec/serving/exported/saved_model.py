"""SavedModels: written as numbered versions, each whole or not at all, without what serving needs not; and asked."""

import functools
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfgrec.model_versions import newest_version
from tfgrec.plain_path import plain_path
from tfgrec.serving.signatures.scoring import concrete

Answer = Callable[..., Mapping[str, tf.Tensor]]

_LONGEST_MESSAGE = 2000
EXTRA_ASSETS = Path("assets.extra") / "tfgrec.json"


def publish(folder: Path, write: Callable[[Path], None]) -> Path:
    """Has `write` make a new folder, which becomes `folder/<version>`, the next free integer, unless `write` fails."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".partial-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        write(partial)
        newest = newest_version(folder)
        final = folder / str(1 if newest is None else int(newest.name) + 1)
        os.rename(partial, final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return final


def save_functions(
    functions: Mapping[str, tf.types.experimental.GenericFunction],
    path: Path,
    *,
    parts: Sequence[Any],
    extra: dict[str, Any],
) -> None:
    """Writes functions with input signatures as the signatures of a SavedModel.

    Args:
      functions: by the name of their signature; each returns a dictionary of tensors.
      path: the folder to write.
      parts: models or modules with all that the functions compute with; what they do not use of them is left out.
      extra: written as JSON to assets.extra/tfgrec.json.
    """
    module = tf.Module()
    # Saving would trace a function that is not one concrete function again.
    traced = {name: concrete(function) for name, function in functions.items()}
    captured = {id(tensor) for function in traced.values() for tensor in function.captured_inputs}
    tracked = [part for root in parts for part in tf.train.TrackableView(root).descendants()]
    module.used = [part for part in tracked if id(_handle(part)) in captured]
    tf.saved_model.save(module, str(path), signatures=traced)
    (path / EXTRA_ASSETS).parent.mkdir(exist_ok=True)
    (path / EXTRA_ASSETS).write_text(json.dumps(extra, indent=2) + "\n", encoding="utf-8")


def load_signatures(path: str | Path) -> dict[str, Answer]:
    """All signatures of an exported model by name, as any server would load them; they take inputs by name."""
    loaded = tf.saved_model.load(plain_path(path))
    # A signature lives as long as what it was loaded with.
    return {name: functools.partial(_ask, loaded, name) for name in loaded.signatures}


def _ask(loaded: Any, name: str, **inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
    try:
        return loaded.signatures[name](**inputs)
    except UnicodeDecodeError as error:
        # TensorFlow quotes bytes that are no tf.Example, and Python can't read its message.
        told = error.object.decode("utf-8", "backslashreplace")
        raise tf.errors.InvalidArgumentError(None, None, told[:_LONGEST_MESSAGE]) from None


def _handle(part: Any) -> tf.Tensor | None:
    """What functions capture of a variable or of a lookup table."""
    return getattr(part, "handle", None) if isinstance(part, tf.Variable) else getattr(part, "resource_handle", None)
