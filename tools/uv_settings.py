"""Makes uv use the package source, certificates and proxy that pip is set up with: uv reads none of pip's settings."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping

# pip's setting -> uv's environment variable, and what stands between several values there.
_SAME_MEANING = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "proxy": ("ALL_PROXY", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
}


def read_pip_settings(listing: str) -> dict[str, str]:
    """Reads the output of `pip config list`; the environment comes before a command's section, that before [global]."""
    ranks = {"global": 1, "install": 2, ":env:": 3}
    best: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        name, separator, quoted = line.partition("=")
        section, _, key = name.rpartition(".")
        rank = ranks.get(section, 0)
        if separator and rank > best.get(key, (0, ""))[0]:
            best[key] = (rank, str(ast.literal_eval(quoted)))
    return {key: value for key, (_, value) in best.items()}


def uv_environment(pip_settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Returns `environment` with pip's settings in uv's words; what is set for uv itself stays as it is."""
    result = dict(environment)
    for key, (variable, separator) in _SAME_MEANING.items():
        values = pip_settings.get(key, "").split()
        if key == "find-links":
            # pip passes over a folder that isn't there, uv stops.
            values = [value for value in values if "://" in value or os.path.exists(value)]
        if values:
            result.setdefault(variable, separator.join(values))
    return result


def uv_options(pip_settings: Mapping[str, str]) -> list[str]:
    """Returns the options of uv for which there is no environment variable."""
    return ["--no-index"] if pip_settings.get("no-index", "").lower() in ("1", "true", "yes", "on") else []
