"""Which exported model a path means."""

from pathlib import Path

from tfgrec.errors import ConfigurationError
from tfgrec.model_versions import newest_version
from tfgrec.run.run_directory import RunDirectory


def find_export(path: str | Path) -> Path:
    """A version of an export itself, the newest one in a folder of versions, or the newest one of a run.

    Raises:
      ConfigurationError: there is none.
    """
    path = Path(path)
    if (path / "saved_model.pb").is_file():
        return path
    newest = RunDirectory.at(path).newest_export or newest_version(path)
    if newest is None or not (newest / "saved_model.pb").is_file():
        raise ConfigurationError(f"{path}: is no exported model, no folder of its versions, and no run that has one")
    return newest
