"""Trainings within the test process leave its logging and random numbers as they were."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []  # force=True would close pytest's own
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level = handlers, level
