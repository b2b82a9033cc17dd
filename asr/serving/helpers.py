"""How processes begin that work for the server; no torch, so that they start light."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

_NICE = 10  # live sessions go first


def begin_helper() -> None:
    """Set a process up: it ends with the server, leaves signals to it, and lets speech go first."""
    os.nice(_NICE)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
