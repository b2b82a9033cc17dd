"""Whose turn it is at the live model: who has had least of its time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence


class Shares:
    """What each client has had of the model's time, in seconds.

    As in fair queueing, who comes new or comes back begins where those are who have least, so that
    nobody saves time up.
    """

    def __init__(self) -> None:
        self._had: dict[Hashable, float] = {}
        self._least = 0.0  # of the client that was served last

    def __len__(self) -> int:
        return len(self._had)

    def least(self, clients: Sequence[Hashable]) -> float:
        """Return what the one of `clients` has had that has had least."""
        return min(self._of(client) for client in clients)

    def charge(self, clients: Sequence[Hashable], seconds: float) -> None:
        """Note that a batch took `seconds`, in which each session's client stands once."""
        self._least = max(self._least, self.least(clients))
        for client in clients:
            self._had[client] = self._of(client) + seconds / len(clients)
        self._had = {client: had for client, had in self._had.items() if had > self._least}

    def _of(self, client: Hashable) -> float:
        return max(self._had.get(client, 0.0), self._least)
