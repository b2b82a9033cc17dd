"""Typed JSON objects read from disk."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from asr.errors import UserError

R = TypeVar("R", bound="Record")


class Record(BaseModel):
    """A typed JSON object read from disk: no silent coercion, keys it does not name are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    @classmethod
    def parse(cls: type[R], value: Any, where: str, todo: str) -> R:
        """Validate plain data; `where` and `todo` go into the error.

        Raises:
            UserError: a field is missing or has the wrong type; the field is named.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            message = f"field '{field}': {first['msg']}" if field else str(first["msg"])
            raise UserError(message, where=where, todo=todo) from error
