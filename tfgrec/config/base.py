"""The base of all configuration classes."""

from pydantic import BaseModel, ConfigDict


class FrozenConfig(BaseModel):
    """Immutable, and refuses keys that it doesn't know."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
