"""What a Model artifact of this pipeline holds: the SavedModel, and beside it what a later run needs to start from it.

<model>/Format-Serving/    the SavedModel, where TFX looks for it
<model>/training/          config.yaml, schema/, checkpoints/ and training.json, as in a run directory; run.json
"""

import dataclasses
import json
import shutil
from pathlib import Path

from tfx.dsl.io import fileio

from tfgrec.errors import InputDataError
from tfgrec.files import write_json
from tfgrec.run.run_directory import RunDirectory
from tfx_pipeline.local_copies import local_output

_RUN = "run.json"


@dataclasses.dataclass(frozen=True)
class RunOfModel:
    """The run that trained a model.

    Attributes:
      fingerprint: the same for a run that is repeated, another for one with other tables, days or settings.
      span: its newest day.
    """

    fingerprint: str
    span: int


def training_folder(model_uri: str) -> str:
    """Where a Model artifact keeps what a later training starts from."""
    return f"{model_uri.rstrip('/')}/training"


def read_run(model_uri: str) -> RunOfModel:
    """The run that trained a Model artifact.

    Raises:
      InputDataError: it does not say so.
    """
    path = f"{training_folder(model_uri)}/{_RUN}"
    try:
        with fileio.open(path) as file:
            return RunOfModel(**json.loads(file.read()))
    # Each file system has its own errors.
    except Exception as error:
        raise InputDataError(f"{path}: can't be read: {error!r}") from error


def write_training(run: RunDirectory, of: RunOfModel, model_uri: str) -> None:
    """Copies what a later training needs of a finished run into a Model artifact."""
    with local_output(training_folder(model_uri)) as folder:
        for path in (run.config, run.schema, run.checkpoints, run.training):
            copy_into(path, folder)
        write_json(folder / _RUN, dataclasses.asdict(of))


def copy_into(path: Path, folder: Path) -> None:
    """Copies a file or a folder, under its own name, into a folder that is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, folder / path.name, dirs_exist_ok=True)
    else:
        shutil.copy(path, folder)
