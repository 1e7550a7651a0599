"""One thing that was looked at."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "note", "mend"]


@dataclass(frozen=True)
class Finding:
    """What was found, whether it is fine, and what to do if it is not.

    `note` is for what works but could be better, `mend` for what stops tfgrec from working.
    """

    name: str
    found: str
    status: Status = "ok"
    advice: str = ""
