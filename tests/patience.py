"""How long tests wait for what has to happen.

Only a hang takes this long. No test may fail because the machine is busy with other things.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 1800.0  # seconds


def wait_until(condition: Callable[[], object], pause: float = 0.01) -> None:
    """Wait for something that happens in another thread or process; fail if it never does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(pause)
