"""Parameters of what is done to the samples of training utterances."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from asr.config.base import Params

CodecName = Literal["mp3", "vorbis", "opus", "gsm", "g711-mulaw", "g711-alaw"]


def check_range(params: Params, name: str) -> None:
    """Raise ValueError unless `min_<name>` is at most `max_<name>`."""
    if getattr(params, f"min_{name}") > getattr(params, f"max_{name}"):
        raise ValueError(f"min_{name} must not exceed max_{name}")


class MixParams(Params):
    """What every sound mixed into the speech has: how often, and at which ratio to the speech.

    The ratio is of mean powers over the whole utterance, drawn uniformly in decibels.
    """

    min_snr_db: float = Field(5.0, ge=-30, le=100, description="speech to the sound added, dB")
    max_snr_db: float = Field(20.0, ge=-30, le=100)
    probability: float = Field(0.5, ge=0, le=1, description="share of the utterances")

    @model_validator(mode="after")
    def _snr_is_ordered(self) -> MixParams:
        check_range(self, "snr_db")
        return self


class NoiseMix(MixParams):
    """Sound from a folder of audio files: one entry for noise, another for music.

    A file is drawn, then a stretch of it; a file shorter than the utterance is repeated.
    """

    folder: str = Field(
        min_length=1, description="searched with its subfolders; relative to where asr is run"
    )


class BabbleMix(MixParams):
    """Other training utterances that speak at the same time, all equally loud."""

    min_snr_db: float = Field(10.0, ge=-30, le=100, description="speech to the whole babble, dB")
    max_snr_db: float = Field(25.0, ge=-30, le=100)
    probability: float = Field(0.3, ge=0, le=1, description="share of the utterances")
    min_talkers: int = Field(3, ge=1, le=50)
    max_talkers: int = Field(7, ge=1, le=50)
    pool_size: int = Field(
        500, ge=2, le=100_000, description="training utterances that babble is drawn from"
    )

    @model_validator(mode="after")
    def _talkers_fit(self) -> BabbleMix:
        check_range(self, "talkers")
        if self.pool_size <= self.max_talkers:
            raise ValueError("pool_size must exceed max_talkers")
        return self


class Reverberation(Params):
    """Convolution with the impulse response of a room, recorded or simulated.

    The output keeps the power and the length of the utterance; the direct sound stays in its
    place. Simulated rooms are those of Luo & Yu 2022 (FRA-RIR), by lhotse.
    """

    folder: str | None = Field(
        None, min_length=1, description="of recorded impulse responses; null simulates rooms"
    )
    max_rt60: float = Field(
        0.8, ge=0.15, le=3.0, description="seconds; simulated rooms have 0.1 s up to this"
    )
    num_rooms: int = Field(100, ge=1, le=10_000, description="simulated rooms to draw from")
    probability: float = Field(0.3, ge=0, le=1, description="share of the utterances")


class Gain(Params):
    """A gain on the samples, before telephone and codec, whose errors depend on the level.

    An utterance that would exceed full scale is made to fit, or clipped with `overdrive`.
    Without telephone, codec and overdrive `volume_perturb` does the same at no cost.
    """

    min_gain_db: float = Field(-20.0, ge=-60, le=60)
    max_gain_db: float = Field(10.0, ge=-60, le=60)
    overdrive: bool = Field(False, description="clip at full scale, as a recorder set too high")
    probability: float = Field(0.5, ge=0, le=1, description="share of the utterances")

    @model_validator(mode="after")
    def _gain_is_ordered(self) -> Gain:
        check_range(self, "gain_db")
        return self


class Telephone(Params):
    """A telephone line: band-pass, 8 kHz, and back to the rate of the utterance."""

    low_freq: float = Field(300.0, ge=50, le=3900, description="Hz")
    high_freq: float = Field(3400.0, ge=50, le=3900, description="Hz")
    mu_law: bool = Field(False, description="8-bit samples of G.711 mu-law")
    probability: float = Field(0.3, ge=0, le=1, description="share of the utterances")

    @model_validator(mode="after")
    def _band_is_wide_enough(self) -> Telephone:
        if self.high_freq - self.low_freq < 200:
            raise ValueError("high_freq must be at least 200 Hz above low_freq")
        return self


class Codecs(Params):
    """Encoded and decoded again by one of the codecs named, drawn for each utterance.

    `gsm` (GSM 6.10) and the two of G.711 work at 8 kHz and take away what is above 4 kHz.
    """

    names: list[CodecName] = Field(["mp3", "vorbis", "opus"], min_length=1)
    min_compression: float = Field(
        0.0, ge=0, le=1, description="of mp3, vorbis and opus: 0 is the best quality they have"
    )
    max_compression: float = Field(1.0, ge=0, le=1, description="1 is the smallest size")
    probability: float = Field(0.3, ge=0, le=1, description="share of the utterances")

    @model_validator(mode="after")
    def _names_and_compression_fit(self) -> Codecs:
        check_range(self, "compression")
        if len(set(self.names)) != len(self.names):
            raise ValueError("names must differ from each other")
        return self


class WaveformAugmentation(Params):
    """What is done to samples, in this order."""

    reverberation: Reverberation | None = None
    babble: BabbleMix | None = None
    noises: list[NoiseMix] = Field([], description="each entry is drawn on its own")
    gain: Gain | None = None
    telephone: Telephone | None = None
    codecs: Codecs | None = None

    @property
    def changes_samples(self) -> bool:
        """Whether any part works on samples, so that features have to be computed anew."""
        return any(getattr(self, name) for name in WaveformAugmentation.model_fields)

    def of_samples(self) -> dict[str, Any]:
        """Return the parts that work on samples, and nothing else, as plain data."""
        return self.model_dump(mode="json", include=set(WaveformAugmentation.model_fields))
