"""What a session takes for audio."""

from __future__ import annotations

import numpy as np

from asr.errors import UserError

_FULL_SCALE = 2.0**15  # of 16-bit samples
_LOUDEST = 32.0  # floats beyond it are no audio within +-1, but rather 16-bit values as floats


def as_mono_floats(samples: np.ndarray) -> np.ndarray:
    """Return samples as float32 (N,) within +-1.

    Several channels are refused: which axis they lie along cannot be told from a short packet.

    Args:
        samples: (N,), 16-bit integers or floats.

    Raises:
        UserError: another type or shape, values that are not finite or far beyond full scale.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise UserError(
            f"samples must be one channel, (N,), not {samples.shape}",
            todo="Send the mean of the channels, or one of them.",
        )
    if samples.dtype == np.int16:
        return (samples / np.float32(_FULL_SCALE)).astype(np.float32)
    if not np.issubdtype(samples.dtype, np.floating):
        raise UserError(f"samples must be 16-bit integers or floats, not {samples.dtype}")
    floats = samples.astype(np.float32)
    loudest = np.abs(floats).max(initial=0.0)
    if not np.isfinite(loudest):
        raise UserError("samples hold values that are not finite (NaN or infinity)")
    if loudest > _LOUDEST:
        what = f"samples as floats must lie within +-1, not reach {loudest:g}"
        raise UserError(what, todo="Divide 16-bit values by 32768.")
    return floats
