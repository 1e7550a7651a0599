"""Columns that folders give: files below `date=2022-04-25/` have a column `date`, as Hive and Spark write them."""

from urllib.parse import unquote

# How Hive names the folder of rows whose value is null.
_NULL = "__HIVE_DEFAULT_PARTITION__"


def folder_columns(relative_path: str) -> dict[str, str | None]:
    """The columns of a file, text like the cells of a CSV file, by the folders of its path below the data folder."""
    pairs = (folder.partition("=") for folder in relative_path.split("/")[:-1])
    return {unquote(key): _value(value) for key, equals, value in pairs if key and equals}


def _value(text: str) -> str | None:
    return None if text == _NULL else unquote(text)
