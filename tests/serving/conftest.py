"""What the tests of the server share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asr.bundle import Bundle
from tests.serving.serving_kit import Running, running, save
from tests.streaming.streaming_kit import random_bundle


@pytest.fixture(scope="session")
def model() -> Bundle:
    """A model that says something of anything."""
    return random_bundle()


@pytest.fixture(scope="session")
def folder(model: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `model`."""
    return save(model, tmp_path_factory.mktemp("served") / "tones" / "bundle")


@pytest.fixture(scope="module")
def server(model: Bundle, folder: Path) -> Iterator[Running]:
    """A server with small limits; at the end of a module nothing may be left of its sessions."""
    with running(
        model,
        folder,
        max_sessions=12,
        max_message_bytes=1 << 20,
        max_upload_bytes=1 << 20,
        max_upload_seconds=60.0,
        max_waiting_uploads=1,
    ) as server:
        yield server
