"""The features of cuts: stored ones, or computed from their audio."""

from __future__ import annotations

import torch
from lhotse.cut import Cut
from torch import Tensor

from asr.errors import UserError
from asr.signal.audio.cuts import load_samples
from asr.signal.features import storage as _storage  # noqa: F401 - registers its reader
from asr.signal.features.fbank import FbankExtractor


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
