"""Credentials come from the environment alone. What holds some is refused before it is told or written anywhere:
configurations lie in runs and exported models, options in lists of processes, and both in logs.
"""

import re
from collections.abc import Sequence
from typing import Any

from tfgrec.errors import ConfigurationError

# `scheme://name:secret@host`; also with one slash less, as pathlib writes it. A secret may hold slashes, a port can't.
_IN_A_PATH = re.compile(r"\w:/{1,2}([^/\s@]+@|[^/\s:@]*:(?!\d+(/|$|\s))[^\s@]*@)")
_OPTION = re.compile(r"--?(?P<name>[A-Za-z][\w-]*)")
_SECRET_OPTION = re.compile(
    r"secret|passw|credential|private_key|(^|_)(access|api|account)_key|session_token|(auth|access|bearer)_token|"
    r"connection_string",
    re.IGNORECASE,
)
_BETWEEN_WORDS = re.compile(r"[\s'\"\[\]{},]+")
_ELSEWHERE = "they are read from the environment (variables, profiles, the machine's role) and from nowhere else"


def holds_credentials(path: str) -> bool:
    """Whether a path, or another text with one in it, tells who asks: `scheme://name:secret@host`."""
    return _IN_A_PATH.search(path) is not None


def refuse_credentials(where: str, text: str) -> None:
    """Refuses a text that holds a path with credentials, or is an option that is named like one.

    Raises:
      ConfigurationError: names `where` and the option, and nothing of what the text holds besides.
    """
    if holds_credentials(text):
        raise ConfigurationError(f"{where}: credentials don't belong into paths: {_ELSEWHERE}")
    option = _OPTION.match(text)
    if option and _SECRET_OPTION.search(option["name"].replace("-", "_")):
        raise ConfigurationError(f"{where}: --{option['name']}: credentials don't belong into options: {_ELSEWHERE}")


def refuse_in_arguments(arguments: Sequence[str], where: str = "arguments") -> None:
    """Refuses arguments of a command, or options for Beam, that hold credentials; see `refuse_credentials`."""
    for argument in arguments:
        refuse_credentials(where, str(argument))


def refuse_in_text(text: str, where: str) -> None:
    """Refuses a text in which any word holds credentials, whatever quotes and brackets are around it."""
    refuse_in_arguments(_BETWEEN_WORDS.split(text), where)


def refuse_in_values(values: Any, where: str) -> None:
    """Refuses plain values, such as those of a YAML file, with credentials in any text; names the key."""
    if isinstance(values, dict):
        for key, value in values.items():
            refuse_in_values(value, f"{where}.{key}" if ": " in where else f"{where}: {key}")
    elif isinstance(values, list):
        for value in values:
            refuse_in_values(value, where)
    elif isinstance(values, str):
        refuse_credentials(where, values)
