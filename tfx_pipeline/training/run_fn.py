"""What TFX's Trainer calls: the stages of tfgrec-train from the records on, with TFX's artifacts around them."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

from tfgrec.config import RunConfig
from tfgrec.errors import ConfigurationError, TfgrecError
from tfgrec.file_systems import scheme_of
from tfgrec.files import StrPath
from tfgrec.run.leftovers import remove_leftovers
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages.model_stages import ModelStages
from tfgrec.training.warm_start import check_start
from tfx_pipeline.inputs.run_spec import RunSpec
from tfx_pipeline.local_copies import local_input, local_output
from tfx_pipeline.training.trained_model import RunOfModel, copy_into, training_folder, write_training

_READ_IN_PLACE = ("gs", "s3")
# Of finished trainings, while they are removed.
_DONE = ".done"


def run_fn(fn_args: FnArgs) -> None:
    """Trains, measures, exports and reports; starts from the base model where there is one that can be read.

    Of `custom_config` it reads `spec` (a whole RunSpec as JSON), `fingerprint` and `span` of the run, and `work_dir`.
    There it keeps, under the fingerprint, what a call has done, until a call comes to the end: one that was killed is
    gone on with by the next. With "" nothing is kept.

    Raises:
      TfgrecError: the configuration or the records can't be used, or a loss is not finite.
    """
    settings = fn_args.custom_config
    of = RunOfModel(settings["fingerprint"], settings["span"])
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(_work_folder(settings))
        examples = stack.enter_context(_readable_examples(_examples_uri(fn_args)))
        start = _start(fn_args.base_model, stack)
        run = RunDirectory.at(root, examples=examples)
        config = _starting_from(start, RunSpec.from_json(settings["spec"]).write(root))
        _check_distribution(config)
        ModelStages(config, run).run()
        _deliver(run, of, fn_args)


def _check_distribution(config: RunConfig) -> None:
    if config.training.distribution == "multi_worker":
        raise ConfigurationError(
            "training.distribution: multi_worker takes a tfgrec-train on each machine, TFX's Trainer is one process: "
            "expected none or mirrored"
        )


@contextlib.contextmanager
def _work_folder(settings: Mapping[str, Any]) -> Iterator[Path]:
    """A folder that is gone after success, and stays after failure where there is a `work_dir`."""
    work_dir = settings["work_dir"]
    if not work_dir:
        with tempfile.TemporaryDirectory(prefix="tfgrec-training-") as folder:
            yield Path(folder)
        return
    if "://" in work_dir:
        raise ConfigurationError(f"work folder {work_dir}: expected a folder on a local or mounted disk")
    folder = Path(work_dir) / settings["fingerprint"]
    # Half a run would be gone on with: it loses its name at once.
    done = folder.with_name(f"{folder.name}{_DONE}")
    folder.mkdir(parents=True, exist_ok=True)
    for left in (done, *folder.parent.glob(f"{'[0-9a-f]' * 32}{_DONE}")):
        shutil.rmtree(left, ignore_errors=True)
    remove_leftovers(folder)
    yield folder
    folder.rename(done)
    shutil.rmtree(done)


def _examples_uri(fn_args: FnArgs) -> str:
    """The Examples artifact, of which TFX tells patterns such as <uri>/Split-train/*."""
    return fn_args.train_files[0].rsplit("/", 2)[0]


@contextlib.contextmanager
def _readable_examples(uri: str) -> Iterator[StrPath]:
    """Where the records can be read from: of an object store in place, file by file as they are needed."""
    if scheme_of(uri) in _READ_IN_PLACE:
        yield uri
        return
    with local_input(uri) as folder:
        yield folder


def _start(base_model: str | None, stack: contextlib.ExitStack) -> Path | None:
    """What the base model (<uri>/Format-Serving) keeps for a later training, or None."""
    if base_model is None:
        return None
    uri = training_folder(base_model.rstrip("/").rpartition("/")[0])
    try:
        folder = stack.enter_context(_readable_start(uri))
    except (TfgrecError, OSError, tf.errors.OpError) as error:
        print(f"training: begins anew, since the blessed model can't be a start: {error}")
        return None
    return folder


@contextlib.contextmanager
def _readable_start(uri: str) -> Iterator[Path]:
    with local_input(uri) as folder:
        check_start(RunDirectory.at(folder))
        yield folder


def _starting_from(start: Path | None, config: RunConfig) -> RunConfig:
    if start is None:
        return config
    training = config.training.model_copy(update={"warm_start_from": str(start)})
    return config.model_copy(update={"training": training})


def _deliver(run: RunDirectory, of: RunOfModel, fn_args: FnArgs) -> None:
    """Brings everything where TFX and its components look for it; the SavedModel, which TFX waits for, last."""
    with local_output(fn_args.model_run_dir) as folder:
        for path in (run.logs, run.metrics, run.predictions, run.report):
            copy_into(path, folder)
    write_training(run, of, fn_args.serving_model_dir.rstrip("/").rpartition("/")[0])
    with local_output(fn_args.serving_model_dir) as folder:
        shutil.copytree(run.newest_export, folder, dirs_exist_ok=True)
