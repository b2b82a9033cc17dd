"""What every typed set of parameters shares."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Params(BaseModel):
    """Typed parameters: immutable, no unknown keys, no silent coercion of wrong types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
