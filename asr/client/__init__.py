"""Clients of `asr serve`; docs/serving.md describes the server."""

from asr.client.client import AsrClient, ServerRefusedError

__all__ = ["AsrClient", "ServerRefusedError"]
