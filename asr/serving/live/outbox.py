"""Results on their way to a client who may be slower than they come."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any


class Outbox:
    """A queue in which a result that a newer one overtakes is left out.

    Used from the event loop only. A partial is overtaken by the next partial, and by the final, of
    its segment. What is left are at most the finals of the time that a client may be slow, and one
    partial.
    """

    def __init__(self) -> None:
        self._messages: deque[dict[str, Any]] = deque()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: dict[str, Any]) -> None:
        """Add a message; see `asr.serving.live.messages`."""
        if self._messages and _overtakes(message, self._messages[-1]):
            self._messages.pop()
        self._messages.append(message)
        self._filled.set()

    async def get(self) -> dict[str, Any]:
        """Wait for the next message and take it."""
        await self._filled.wait()
        message = self._messages.popleft()
        if not self._messages:
            self._filled.clear()
        return message


def _overtakes(new: dict[str, Any], old: dict[str, Any]) -> bool:
    return (
        old["type"] == "partial"
        and new["type"] in ("partial", "final")
        and new["segment"] == old["segment"]
    )
