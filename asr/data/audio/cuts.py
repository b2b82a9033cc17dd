"""The samples of lhotse cuts: how they are read, several channels as one."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from lhotse.audio import set_current_audio_backend
from lhotse.audio.backend import CompositeAudioBackend, LibsndfileBackend
from lhotse.audio.utils import AudioLoadingError, DurationMismatchError
from lhotse.augmentation import AudioTransform
from lhotse.cut import Cut

from asr.errors import UserError

# lhotse's own choice hands every .sph file to a program that is rarely installed. What
# libsndfile could read when a corpus was validated, it shall read in training as well.
if "LHOTSE_AUDIO_BACKEND" not in os.environ:
    # Inside a composite, what libsndfile raises becomes lhotse's AudioLoadingError.
    set_current_audio_backend(CompositeAudioBackend([LibsndfileBackend()]))


def load_samples(cut: Cut, sampling_rate: int) -> np.ndarray:
    """Return the samples of a cut, float32 (N,).

    Raises:
        UserError: the audio is gone, or has another rate.
    """
    if cut.sampling_rate != sampling_rate:
        raise UserError(
            f"the cut has {cut.sampling_rate} Hz, not {sampling_rate} Hz",
            where=cut.id,
            todo="Run `asr validate` with this conf file.",
        )
    try:
        return np.asarray(cut.load_audio()[0], dtype=np.float32)
    except (AudioLoadingError, DurationMismatchError) as error:
        where = f"{cut.id} ({cut.recording.sources[0].source})"
        todo = "Run `asr validate` again, or `asr create-dataset --verify` for shards."
        raise UserError("its audio can no longer be read", where=where, todo=todo) from error


@dataclass
class Downmix(AudioTransform):
    """The mean of all channels, taken while lhotse loads a recording.

    A recording that carries this transform must name one channel in its audio source, or lhotse
    drops the others before the transform sees them.
    """

    def __call__(self, samples: np.ndarray, sampling_rate: int) -> np.ndarray:
        return samples.mean(axis=0, keepdims=True)

    def reverse_timestamps(
        self, offset: float, duration: float | None, sampling_rate: int
    ) -> tuple[float, float | None]:
        return offset, duration
