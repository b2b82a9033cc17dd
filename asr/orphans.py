"""No process outlives the one that started it, however that one ends."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LAUNCHER_PID = "ASR_LAUNCHER_PID"  # tells a training process who has started it
_POLL_SECONDS = 0.5
_ENDED = 143  # as after SIGTERM

_patience = 0.0


def watch_launcher() -> None:
    """In a process of torchrun's, end with it; to be called before anything that takes time.

    A launcher that is killed while its processes start has nobody to end them, and they would wait
    for each other for good.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ or "LOCAL_RANK" in os.environ:
        watch_parent(int(os.environ.get(LAUNCHER_PID, os.getppid())))


def watch_parent(parent: int) -> None:
    """End this process once `parent` is gone: at once, or after the time that `time_to_end` gives.

    A thread looks, so that a process ends that waits for others in a collective as well.
    """
    if os.getppid() != parent:  # gone before we came
        os._exit(_ENDED)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    gone = time.monotonic()
    while time.monotonic() - gone < _patience:
        time.sleep(_POLL_SECONDS)
    os._exit(_ENDED)


@contextmanager
def time_to_end(seconds: float) -> Iterator[None]:
    """Within the block, leave a process so long for an end of its own when its parent is gone."""
    global _patience
    before, _patience = _patience, seconds
    try:
        yield
    finally:
        _patience = before
