"""The base of all configuration classes."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Rate = Annotated[float, Field(ge=0, lt=1)]


class FrozenConfig(BaseModel):
    """Immutable, and refuses keys that it doesn't know."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
