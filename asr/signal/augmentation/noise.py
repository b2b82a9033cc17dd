"""Sound mixed into the speech: noise and music from folders, babble from the corpus itself."""

from __future__ import annotations

import numpy as np
from lhotse.cut import Cut

from asr.config.waveform_augmentation import BabbleMix, NoiseMix
from asr.errors import UserError
from asr.signal.audio.cuts import load_samples
from asr.signal.augmentation.base import Utterance, mean_power, mix_at_snr, repeated, utterance_rng
from asr.signal.augmentation.folder import AudioFolder, DecodedCache
from asr.signal.augmentation.speed import source_id

_TRIES = 10  # for a stretch that is not silent


class NoiseMixer:
    """Adds a stretch of a file, at a drawn ratio of mean powers over the whole utterance.

    A silent stretch is drawn anew, at most ten times: a folder of silence leaves the speech as
    it is.
    """

    def __init__(self, params: NoiseMix, name: str, folder: AudioFolder) -> None:
        self.name = name
        self.probability = params.probability
        self.params = params
        self.folder = folder

    def apply(self, samples: np.ndarray, utterance: Utterance) -> np.ndarray:
        rng = utterance.rng
        snr_db = rng.uniform(self.params.min_snr_db, self.params.max_snr_db)
        for _ in range(_TRIES):
            noise = self.folder.draw_stretch(len(samples), utterance.rate, rng)
            if noise.any():
                return mix_at_snr(samples, noise, snr_db)
        return samples


class BabblePool:
    """A few hundred training utterances that babble is made of.

    Args:
        cuts: the training set; of several speed copies one is used.
        size: how many are drawn at most, by `seed`.

    Raises:
        UserError: there are fewer than `needed` utterances.
    """

    def __init__(
        self, cuts: list[Cut], size: int, needed: int, seed: int, cache: DecodedCache
    ) -> None:
        by_source: dict[str, Cut] = {}
        for cut in cuts:
            if source_id(cut) not in by_source or cut.id == source_id(cut):
                by_source[source_id(cut)] = cut
        sources = sorted(by_source)
        if len(sources) < needed:
            raise UserError(
                f"{needed - 1} talkers beside one utterance need {needed} utterances, there are "
                f"{len(sources)}",
                where="augmentation.babble",
                todo="Lower min_talkers and max_talkers, or leave babble out.",
            )
        rng = utterance_rng(seed, 0, "babble")
        chosen = rng.choice(len(sources), min(size, len(sources)), replace=False)
        self.cuts = [by_source[sources[index]] for index in sorted(chosen)]
        self._cache = cache

    def draw(self, talkers: int, utterance: Utterance) -> list[Cut]:
        """Draw different utterances, none of them `utterance` itself."""
        drawn = utterance.rng.choice(len(self.cuts), talkers + 1, replace=False)
        others = [self.cuts[i] for i in drawn if source_id(self.cuts[i]) != utterance.id]
        return others[:talkers]

    def samples(self, cut: Cut, rate: int) -> np.ndarray:
        """Return the samples of a cut, float32 (N,)."""
        return self._cache.get((cut.id, rate), lambda: load_samples(cut, rate))


class BabbleMixer:
    """Adds several utterances of equal power, from random places on, at a drawn ratio."""

    name = "babble"

    def __init__(self, params: BabbleMix, pool: BabblePool) -> None:
        self.probability = params.probability
        self.params = params
        self.pool = pool

    def apply(self, samples: np.ndarray, utterance: Utterance) -> np.ndarray:
        rng, params = utterance.rng, self.params
        snr_db = rng.uniform(params.min_snr_db, params.max_snr_db)
        talkers = int(rng.integers(params.min_talkers, params.max_talkers + 1))
        babble = np.zeros_like(samples)
        for cut in self.pool.draw(talkers, utterance):
            voice = repeated(self.pool.samples(cut, utterance.rate), len(samples), rng)
            power = mean_power(voice)
            if power > 0:
                babble += voice / np.float32(np.sqrt(power))
        return mix_at_snr(samples, babble, snr_db)
