"""Where a user's caches lie."""

import os
from pathlib import Path


def user_cache(name: str) -> Path:
    """Our cache of that name, where the XDG specification has caches; it may not be there yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfgrec" / name
