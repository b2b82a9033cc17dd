"""What measurements of a process have in common (Linux)."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Hand out a function that tells how many bytes more than now were held at most."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    start = memory("VmRSS")
    yield lambda: memory("VmHWM") - start


def memory(name: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def machine() -> str:
    """Name the machine in a few words."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
