"""The samples of lhotse cuts: how they are read, several channels as one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lhotse.audio import set_current_audio_backend
from lhotse.audio.backend import CompositeAudioBackend, FileObject, LibsndfileBackend
from lhotse.audio.utils import AudioLoadingError, DurationMismatchError
from lhotse.augmentation import AudioTransform
from lhotse.cut import Cut
from lhotse.utils import compute_num_samples

from asr.audio.base import rest
from asr.audio.reader import open_audio
from asr.errors import UserError


class OneReader(LibsndfileBackend):
    """Reads for lhotse: files by `asr.audio`, as every other command does.

    What comes as bytes, of shards, is WAV or FLAC, and libsndfile's.
    """

    def is_applicable(self, path_or_fd: str | Path | FileObject) -> bool:
        """Read everything; lhotse keeps some suffixes from libsndfile."""
        return True

    def read_audio(
        self,
        path_or_fd: str | Path | FileObject,
        offset: float = 0.0,
        duration: float | None = None,
        force_opus_sampling_rate: int | None = None,
    ) -> tuple[np.ndarray, int]:
        """Return float32 (channels, N), and the sampling rate in Hz.

        Args:
            offset, duration: seconds; None for all from `offset`.
        """
        if not isinstance(path_or_fd, str | Path):
            return super().read_audio(path_or_fd, offset, duration)
        with open_audio(path_or_fd) as decoder:
            rate = decoder.header.sampling_rate
            decoder.seek(compute_num_samples(offset, rate))
            if duration is None:
                return rest(decoder).T, rate
            return decoder.read(compute_num_samples(duration, rate)).T, rate


# lhotse's own choice differs from file to file and from machine to machine.
if "LHOTSE_AUDIO_BACKEND" not in os.environ:
    # Inside a composite, what is raised becomes lhotse's AudioLoadingError.
    set_current_audio_backend(CompositeAudioBackend([OneReader()]))


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
