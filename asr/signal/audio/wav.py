"""Writing wav files for the corpora that recipes make themselves."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile

from asr.files import disk_errors


def write_wav(path: Path, samples: np.ndarray, sampling_rate: int) -> None:
    """Write one channel as 16-bit PCM; samples beyond full scale are clipped.

    The file is not flushed to disk as `asr.files` does it, because a corpus holds thousands: write
    the table that names the files after them.

    Args:
        path: the file; its folder is made when missing.
        samples: float (N,), full scale is 1.
        sampling_rate: in Hz.

    Raises:
        UserError: the disk is full or the folder may not be written to.
    """
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, sampling_rate, format="WAV", subtype="PCM_16")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded.getvalue())
