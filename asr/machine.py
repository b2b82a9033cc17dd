"""What the machine lends to this process."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # containers and batch systems lend a part of a machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
