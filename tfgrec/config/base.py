"""The base of all configuration classes."""

import inspect
import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Rate = Annotated[float, Field(ge=0, lt=1)]

# A name two spaces in, and its text, which may go on four spaces in.
_ATTRIBUTE = re.compile(r"^ {2}(\w+): (.*(?:\n {4}.*)*)", flags=re.MULTILINE)


class FrozenConfig(BaseModel):
    """Immutable, and refuses keys that it doesn't know.

    What a class's docstring says of its attributes are the fields' descriptions: editors show them (`tfgrec-init`
    writes their JSON schemas), and docs/model.md and docs/tables.md have them in their tables.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        annotations = cls.__dict__.get("__annotations__", {})
        for name, text in described_attributes(cls.__doc__).items():
            if name in annotations:
                annotations[name] = Annotated[annotations[name], Field(description=text)]


def described_attributes(docstring: str | None) -> dict[str, str]:
    """What a docstring says below `Attributes:`, by name, each in one line."""
    _, _, section = inspect.cleandoc(docstring or "").partition("\nAttributes:\n")
    return {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(section.split("\n\n")[0])}
