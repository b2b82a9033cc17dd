"""Log-mel filter banks, their statistics, and speed-perturbed copies of cuts."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Iterable

import numpy as np
import torch
from lhotse import CutSet
from lhotse.audio.utils import AudioLoadingError, DurationMismatchError
from lhotse.cut import Cut
from lhotse.features import Features
from lhotse.features.kaldi.layers import Wav2LogFilterBank
from lhotse.utils import fastcopy
from torch import Tensor

from asr.config.augmentation import SpeedPerturb
from asr.config.features import FbankParams
from asr.data import audio as _audio  # noqa: F401  registers its transform with lhotse
from asr.data import storage as _storage  # noqa: F401  registers its reader with lhotse
from asr.errors import UserError

_SMALLEST_DEVIATION = 1e-3  # below it a mel bin is constant, as where audio was upsampled


def num_frames(num_samples: int, params: FbankParams) -> int:
    """Return how many frames `num_samples` samples have: num_samples / frame shift, rounded.

    The rule of Kaldi with `snip_edges=False`; less than half a frame shift of audio has none.
    """
    shift = frame_shift_samples(params)
    return (num_samples + shift // 2) // shift


def frame_shift_samples(params: FbankParams) -> int:
    """Return the samples from one frame to the next, rounded down as in Kaldi."""
    return _whole_samples(params.frame_shift, params)


def _whole_samples(seconds: float, params: FbankParams) -> int:
    return math.floor(seconds * params.sampling_rate + 1e-6)


class FbankExtractor:
    """Computes log-mel filter banks as Kaldi does with `snip_edges=False` and no dither.

    Frame t is centred at sample (t + 1/2) * shift. Windows that reach over an end see the audio
    mirrored there, as often as audio shorter than a window asks for.
    """

    def __init__(self, params: FbankParams) -> None:
        self.params = params
        self.frame_shift = frame_shift_samples(params)
        self.frame_length = _whole_samples(params.frame_length, params)
        with warnings.catch_warnings():
            # lhotse advises against snip_edges=True, but `extract` mirrors the ends itself:
            # lhotse cannot do it for audio shorter than a window.
            warnings.filterwarnings("ignore", message="Setting snip_edges=True")
            self._layer = Wav2LogFilterBank(
                sampling_rate=params.sampling_rate,
                # Half a sample keeps lhotse's rounding down from losing a whole one.
                frame_length=(self.frame_length + 0.5) / params.sampling_rate,
                frame_shift=(self.frame_shift + 0.5) / params.sampling_rate,
                snip_edges=True,
                num_filters=params.num_mel_bins,
                low_freq=params.low_freq,
                high_freq=params.high_freq,
            )

    @torch.no_grad()
    def extract(self, samples: np.ndarray | Tensor) -> Tensor:
        """Compute the features of one utterance.

        Args:
            samples: float32 (N,) within +-1, at the rate of the parameters.

        Returns:
            float32 (T, F), T = `num_frames(N)`.
        """
        samples = np.asarray(samples, dtype=np.float32)
        if num_frames(len(samples), self.params) == 0:
            return torch.empty(0, self.params.num_mel_bins)
        return self.extract_windows(torch.from_numpy(self.mirrored(samples))[None])[0]

    @property
    def samples_before(self) -> int:
        """Samples of the first frame's window that lie before the audio's start."""
        return self.frame_length // 2 - self.frame_shift // 2

    def mirrored(self, samples: np.ndarray) -> np.ndarray:
        """Return samples (N,) of at least one frame, mirrored at both ends as far as frames reach.

        The result's frame t begins at sample t * shift.
        """
        frames = num_frames(len(samples), self.params)
        needed = (frames - 1) * self.frame_shift + self.frame_length
        after = max(needed - self.samples_before - len(samples), 0)
        return np.pad(samples, (self.samples_before, after), mode="symmetric")[:needed]

    @torch.no_grad()
    def extract_windows(self, samples: Tensor) -> Tensor:
        """Compute the features of the frames that lie wholly within the samples.

        Args:
            samples: float32 (B, N), N at least a frame's length.

        Returns:
            float32 (B, (N - length) // shift + 1, F).
        """
        features: Tensor = self._layer(samples)
        return features


def load_features(cut: Cut, extractor: FbankExtractor) -> Tensor:
    """Return the features (T, F) of a cut: stored ones, or computed from its audio.

    Raises:
        UserError: the stored features or the audio do not fit the extractor's parameters, or are
            gone.
    """
    params = extractor.params
    if cut.has_features:
        if cut.num_features != params.num_mel_bins:
            raise UserError(
                f"stored features have {cut.num_features} mel bins, not {params.num_mel_bins}",
                where=cut.id,
                todo="Run `asr features` with this conf file.",
            )
        try:
            return torch.from_numpy(cut.load_features())
        except UserError as error:  # lhotse adds the whole cut to the message
            raise UserError(str(error).partition(" [extra info]")[0]) from error
    return extractor.extract(load_samples(cut, params.sampling_rate))


def load_finite_features(cut: Cut, extractor: FbankExtractor) -> Tensor:
    """Do `load_features` for a model that is used: one bad value would spoil all of its scores.

    Raises:
        UserError: as `load_features`, or a value is not finite.
    """
    features = load_features(cut, extractor)
    if not features.isfinite().all():
        raise UserError(
            "its features hold values that are not finite (NaN or infinity)",
            where=cut.id,
            todo="Run `asr validate`, which finds such audio, and `asr features` again.",
        )
    return features


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


def stored_features(
    cut: Cut,
    features: Tensor,
    extractor: FbankExtractor,
    storage_type: str,
    storage_path: str,
    storage_key: str,
) -> Features:
    """Return lhotse's description of features (T, F) of a cut that are stored somewhere.

    Args:
        storage_type: name of the reader; `storage_path` and `storage_key` are what it takes.
    """
    return Features(
        type="fbank",
        num_frames=features.size(0),
        num_features=features.size(1),
        frame_shift=extractor.frame_shift / cut.sampling_rate,
        sampling_rate=cut.sampling_rate,
        start=cut.start,
        duration=cut.duration,
        storage_type=storage_type,
        storage_path=storage_path,
        storage_key=storage_key,
        recording_id=cut.recording.id,
        channels=cut.channel,
    )


def compute_statistics(
    cuts: Iterable[Cut], extractor: FbankExtractor, max_utterances: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation, each float32 (F,), over a random choice of cuts.

    A bin that hardly varies gets the deviation 1, so that normalisation leaves it at zero.

    Raises:
        UserError: the cuts hold no frames.
    """
    cuts = list(cuts)
    chosen = random.Random(seed).sample(cuts, min(max_utterances, len(cuts)))
    count = 0
    total = torch.zeros(extractor.params.num_mel_bins, dtype=torch.float64)
    squares = torch.zeros_like(total)
    for cut in chosen:
        features = load_features(cut, extractor).double()
        count += len(features)
        total += features.sum(dim=0)
        squares += features.square().sum(dim=0)
    if count == 0:
        raise UserError("no frames to compute feature statistics from")
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=0).sqrt()
    deviation[deviation < _SMALLEST_DEVIATION] = 1.0
    return mean.float(), deviation.float()


def speed_copies(cuts: Iterable[Cut], params: SpeedPerturb) -> CutSet:
    """Return every cut at every speed; the copies of one cut follow each other.

    Factor 1 keeps the id, others append `_sp<factor>` to it; the field `source_id` of each copy
    holds the original's. Audio is resampled only when it is loaded.
    """
    return CutSet.from_cuts(at_speed(cut, factor) for cut in cuts for factor in params.factors)


def at_speed(cut: Cut, factor: float) -> Cut:
    """Return a copy of a cut at another speed, as `speed_copies` makes them."""
    named = fastcopy(cut, custom={**(cut.custom or {}), "source_id": cut.id})
    return named if factor == 1.0 else named.perturb_speed(factor)
