"""CSV files with bytes that are no UTF-8: read with a sign in the place of each such byte.

Arrow does not hand out rows with too many or too few cells if they hold such bytes, and refuses the whole file.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BLOCK_BYTES = 4 << 20
# Python's own signs for such bytes are no UTF-8 either; these are private, and no text has them.
_SIGNS = {0xDC00 + byte: 0x10FF00 + byte for byte in range(0x80, 0x100)}
_SIGN = "[\U0010ff80-\U0010ffff]"


@contextlib.contextmanager
def signed_copy(file: pa.NativeFile) -> Iterator[pa.NativeFile]:
    """A copy of a file of text, with signs for bytes that are no UTF-8."""
    with tempfile.NamedTemporaryFile() as copy:
        left = b""
        while block := file.read(_BLOCK_BYTES):
            block = left + block
            end = block.rfind(b"\n") + 1
            copy.write(_signed(block[:end]))
            left = block[end:]
        copy.write(_signed(left))
        copy.flush()
        with pa.OSFile(copy.name) as opened:
            yield opened


def is_signed(batch: pa.RecordBatch) -> np.ndarray:
    """The rows of columns of text that have a sign, bool `[num_rows]`."""
    signed = np.zeros(batch.num_rows, bool)
    for column in batch.columns:
        signed |= np.asarray(pc.match_substring_regex(column, _SIGN).fill_null(False))
    return signed


def without_signs(text: str) -> str:
    """Text to be shown: with Unicode's replacement for each sign."""
    return re.sub(_SIGN, "\ufffd", text)


def _signed(content: bytes) -> bytes:
    return content.decode("utf-8", "surrogateescape").translate(_SIGNS).encode("utf-8")
