"""The augmentation of samples, from a conf file's `augmentation` to changed samples."""

from __future__ import annotations

import numpy as np
from lhotse.cut import Cut

from asr.config.waveform_augmentation import WaveformAugmentation
from asr.errors import UserError
from asr.signal.augmentation.base import Part, Utterance, fit_full_scale
from asr.signal.augmentation.channel import CodecChain, GainChanger, TelephoneLine
from asr.signal.augmentation.folder import AudioFolder, DecodedCache
from asr.signal.augmentation.noise import BabbleMixer, BabblePool, NoiseMixer
from asr.signal.augmentation.reverberation import Reverberator


class WaveformAugmenter:
    """Applies the parts in the order of the conf file's keys, each with its probability.

    What comes out depends on the parameters, the seed, the files and the generator handed in
    alone; caches only save time. Folders are listed here, so that mistakes are told at once.

    Args:
        seed: decides simulated rooms and which utterances babble is made of.
        cuts: the training set, for babble.

    Raises:
        UserError: a folder is missing or holds nothing readable, a codec is not installed, or
            there are too few utterances for babble.
    """

    def __init__(
        self, params: WaveformAugmentation, seed: int = 0, cuts: list[Cut] | None = None
    ) -> None:
        self._cache = DecodedCache()
        self._folders: list[AudioFolder] = []
        self.parts: list[Part] = []
        if params.reverberation:
            path = params.reverberation.folder
            folder = self._open(path, "augmentation.reverberation.folder") if path else None
            self.parts.append(Reverberator(params.reverberation, folder, seed, self._cache))
        if params.babble:
            babble = params.babble
            pool = BabblePool(
                cuts or [], babble.pool_size, babble.max_talkers + 1, seed, self._cache
            )
            self.parts.append(BabbleMixer(babble, pool))
        for index, noise in enumerate(params.noises):
            name = f"noises.{index}"
            folder = self._open(noise.folder, f"augmentation.{name}.folder")
            self.parts.append(NoiseMixer(noise, name, folder))
        if params.gain:
            self.parts.append(GainChanger(params.gain))
        if params.telephone:
            self.parts.append(TelephoneLine(params.telephone))
        if params.codecs:
            self.parts.append(CodecChain(params.codecs))

    @property
    def warnings(self) -> list[str]:
        """A line for each folder with files that cannot be read, which are left out."""
        return [
            f"left out of the augmentation because unreadable: {len(folder.unreadable)} of "
            f"{len(folder.unreadable) + len(folder.files)} audio files, e.g. {folder.unreadable[0]}"
            for folder in self._folders
            if folder.unreadable
        ]

    def apply(
        self,
        samples: np.ndarray,
        rate: int,
        rng: np.random.Generator,
        utterance_id: str = "",
        applied: list[str] | None = None,
    ) -> np.ndarray:
        """Augment one utterance.

        Args:
            samples: float32 (N,) within +-1, at `rate` Hz.
            rng: from `utterance_rng`.
            utterance_id: of the utterance at its first speed; babble leaves it out.
            applied: gets the names of the parts that were applied.

        Returns:
            float32 (N,), finite; where the result of a part exceeds +-1, it is scaled to fit.

        Raises:
            UserError: a file of a folder is damaged behind its header.
        """
        utterance = Utterance(rate, rng, utterance_id)
        for part in self.parts:
            if rng.random() >= part.probability or not samples.any():
                continue
            samples = fit_full_scale(part.apply(samples, utterance))
            if applied is not None:
                applied.append(part.name)
        return samples

    def _open(self, path: str, where: str) -> AudioFolder:
        folder = AudioFolder(path, where, self._cache)
        self._folders.append(folder)
        return folder


def make_augmenter(
    params: WaveformAugmentation, cuts: list[Cut], seed: int, where: str
) -> WaveformAugmenter | None:
    """Return the augmenter for a training set, None when the conf file asks for none.

    Args:
        where: the file of the cuts, for errors.

    Raises:
        UserError: the cuts bring stored features, or as `WaveformAugmenter`.
    """
    if not params.changes_samples:
        return None
    if any(cut.has_features for cut in cuts):
        names = [name for name in WaveformAugmentation.model_fields if getattr(params, name)]
        raise UserError(
            f"the cuts have stored features, which augmentation.{names[0]} cannot change",
            where=where,
            todo="Run the recipe with --features on-the-fly (asr train with the cuts.jsonl of "
            f"stage 1), or leave {', '.join(names)} out.",
        )
    return WaveformAugmenter(params, seed, cuts)
