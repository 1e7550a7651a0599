"""What is wrong with records, told by TensorFlow in its own way, as an error that a user can mend."""

import contextlib
import re
import sys
from collections.abc import Iterator

from tfgrec.errors import InputDataError, OutputError, TfgrecError

# An error of Python's within a data set reaches us as text, with its traceback behind it.
_OURS = {kind.__name__: kind for kind in (InputDataError, OutputError)}
_OF_OURS = re.compile(rf"\b(?P<kind>{'|'.join(_OURS)}): (?P<told>[^\n]+)")
_OF_A_RECORD = re.compile(r"(corrupted|truncated) record at \d+[^\n\[]*")


@contextlib.contextmanager
def told_damage() -> Iterator[None]:
    """Around what reads records.

    Raises:
      InputDataError: a file of records is missing or damaged.
      OutputError: there is no room for copies of files that lie elsewhere.
    """
    try:
        yield
    except Exception as error:
        if (told := damage_in(error)) is not None:
            raise told from None
        raise


def damage_in(error: Exception) -> TfgrecError | None:
    """The damage that an error of TensorFlow's tells of; None for all others."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not isinstance(error, tensorflow.errors.OpError):
        return None
    if isinstance(error, tensorflow.errors.DataLossError) and (found := _OF_A_RECORD.search(error.message)):
        return InputDataError(f"a file of records is damaged: {found[0].strip()}")
    found = _OF_OURS.search(error.message)
    return None if found is None else _OURS[found["kind"]](found["told"])
