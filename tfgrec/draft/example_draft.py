"""The files of an example that comes with tfgrec, as a draft of one's own."""

import re
from pathlib import Path

import yaml

from tfgrec.examples.example_files import example_config


def example_draft(name: str, run_file: str) -> dict[str, str]:
    """The texts of an example's schema files and of its run's YAML, by file name, to lie in one folder.

    Raises:
      ConfigurationError: there is no such example.
    """
    path = example_config(name)
    text = path.read_text(encoding="utf-8")
    schema = path.parent / Path(yaml.safe_load(text)["schema_dir"])
    files = {file.name: file.read_text(encoding="utf-8") for file in sorted(schema.iterdir())}
    return {**files, run_file: re.sub(r"^schema_dir: .*$", "schema_dir: .", text, count=1, flags=re.MULTILINE)}
