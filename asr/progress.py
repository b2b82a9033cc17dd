"""Progress bars of the commands that take a while."""

from __future__ import annotations

import sys

from tqdm import tqdm

_SECONDS_BETWEEN_LOG_LINES = 15.0


def progress_bar(total: int | None, unit: str, description: str) -> tqdm:
    """Return a bar on stderr with rate and time left; into a log it writes only now and then."""
    interval = 0.2 if sys.stderr.isatty() else _SECONDS_BETWEEN_LOG_LINES
    return tqdm(
        total=total,
        unit=unit,
        desc=description,
        mininterval=interval,
        delay=interval,
        unit_scale=True,
        leave=False,
    )
