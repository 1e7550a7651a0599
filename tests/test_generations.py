"""Outputs on object stores: which of their generations is read."""

import pytest

from tfgrec import files
from tfgrec.errors import InputDataError
from tfgrec.generations import new_generation, open_current, publish


def new(output: str, content: str) -> str:
    generation = new_generation(output)
    files.write_json(f"{generation}/manifest.json", content)
    return generation


def test_what_is_replaced_while_it_is_opened_is_opened_anew(s3_folder: str) -> None:
    publish(s3_folder, first := new(s3_folder, "first"))
    opened = []

    def open_folder(folder: str) -> str:
        opened.append(folder)
        if len(opened) == 1:
            publish(s3_folder, new(s3_folder, "second"))
        return files.read_json(f"{folder}/manifest.json")

    assert open_current(s3_folder, open_folder) == "second"
    assert opened[0] == first and len(opened) == 2


def test_what_is_damaged_is_told_once(s3_folder: str) -> None:
    publish(s3_folder, generation := new(s3_folder, "first"))
    files.delete(f"{generation}/manifest.json")
    with pytest.raises(InputDataError, match=f"^{generation}/manifest.json: can't be read: "):
        open_current(s3_folder, lambda folder: files.read_json(f"{folder}/manifest.json"))
