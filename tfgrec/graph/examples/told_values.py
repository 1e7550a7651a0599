"""How errors name a value that a caller gave."""

from typing import Any

import numpy as np


def told_value(value: Any) -> str:
    """As Python writes it; a NumPy scalar like the number or the text that it is, whatever NumPy's version."""
    return repr(value.item() if isinstance(value, np.generic) else value)
