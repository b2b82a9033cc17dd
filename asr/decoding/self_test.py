"""A recording that travels with a bundle, and the tokens that prove that the model still works."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lhotse.cut import Cut

from asr.bundle import TEST_AUDIO, TEST_FILE, load_bundle
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.long_audio.recordings import AudioFile
from asr.decoding.recognizer import Recognizer
from asr.errors import UserError
from asr.files import disk_errors, read_json, write_json
from asr.signal.audio.cuts import load_samples
from asr.signal.audio.files import read_audio
from asr.signal.audio.wav import write_wav

logger = logging.getLogger("asr.decoding")

MAX_TEST_SECONDS = 20.0
_TRIES = 5
_METHOD = "ctc-greedy"  # it has no options that tuning could change


@dataclass(frozen=True)
class SelfTest:
    """What is decoded, and what has to come out of it.

    Attributes:
        samples: float32 (N,) at the model's rate.
    """

    samples: np.ndarray
    method: str
    tokens: list[int]
    text: str

    @classmethod
    def load(cls, folder: Path, sampling_rate: int) -> SelfTest:
        """Read what a bundle for `sampling_rate` Hz brings.

        Raises:
            UserError: it brings none, or a damaged one.
        """
        expected = read_json(folder / TEST_FILE)
        try:
            method, tokens, text = expected["method"], expected["tokens"], expected["text"]
        except (KeyError, TypeError) as error:
            raise UserError("is no test of a bundle", where=str(folder / TEST_FILE)) from error
        samples = read_audio(folder / TEST_AUDIO, sampling_rate)
        return cls(samples, str(method), list(tokens), str(text))


def has_self_test(bundle: Path) -> bool:
    """Tell whether a bundle brings a test recording."""
    return (bundle / TEST_FILE).exists() and (bundle / TEST_AUDIO).exists()


def decode_whole(recognizer: Recognizer, samples: np.ndarray) -> Hypothesis:
    """Decode samples (N,) at the model's rate at once, however long they are."""
    return recognizer.decode_features([recognizer.extractor.extract(samples)])[0][0]


def read_test_audio(path: Path, sampling_rate: int) -> np.ndarray:
    """Return a file's samples as a test recording of a model that hears `sampling_rate` Hz.

    Raises:
        UserError: the file is missing, no audio or too long.
    """
    recording = AudioFile.open(path)
    if recording.duration > MAX_TEST_SECONDS:
        raise UserError(
            f"lasts {recording.duration:.0f} s",
            where=str(path),
            todo=f"Give a recording of at most {MAX_TEST_SECONDS:.0f} s.",
        )
    return read_audio(path, sampling_rate)


def choose_recording(recognizer: Recognizer, cuts: Iterable[Cut], source: str) -> np.ndarray:
    """Return the samples of the first cut, by id, in which something is recognised.

    Of cuts of at most 20 s; where nothing is recognised in the first few, the very first.

    Raises:
        UserError: no cut is short enough, or the audio cannot be read.
    """
    rate = recognizer.bundle.config.features_params.sampling_rate
    short = [cut for cut in cuts if cut.duration <= MAX_TEST_SECONDS and cut.has_recording]
    if not short:
        raise UserError(f"no cut of at most {MAX_TEST_SECONDS:.0f} s with audio", where=source)
    tried = sorted(short, key=lambda cut: cut.id)[:_TRIES]
    for cut in tried:
        samples = load_samples(cut, rate)
        if decode_whole(recognizer, samples).tokens:
            return samples
    return load_samples(tried[0], rate)


def write_self_test(recognizer: Recognizer, folder: Path, samples: np.ndarray) -> Hypothesis:
    """Write a recording, and what the recognizer makes of it, into a bundle's folder."""
    rate = recognizer.bundle.config.features_params.sampling_rate
    with disk_errors(folder):
        (folder / TEST_FILE).unlink(missing_ok=True)
    write_wav(folder / TEST_AUDIO, samples, rate)
    stored = read_audio(folder / TEST_AUDIO, rate)  # rounded to 16 bits
    hypothesis = decode_whole(recognizer, stored)
    write_json(
        folder / TEST_FILE,
        {"method": recognizer.method, "tokens": hypothesis.tokens, "text": hypothesis.text},
    )
    return hypothesis


def add_self_test(bundle: Path, cuts: Iterable[Cut], source: str) -> None:
    """Give a bundle a test recording out of some cuts; without usable audio it stays without."""
    recognizer = Recognizer.load(bundle, _METHOD)
    try:
        samples = choose_recording(recognizer, cuts, source)
    except UserError as error:
        logger.warning("the bundle gets no test recording: %s", error)
        return
    write_self_test(recognizer, bundle, samples)


def check_bundle(folder: Path) -> None:
    """Decode a bundle's own test recording.

    Raises:
        UserError: it has none, or the tokens are not those that it was made with.
    """
    bundle = load_bundle(folder)
    test = SelfTest.load(folder, bundle.config.features_params.sampling_rate)
    found = decode_whole(Recognizer(bundle, test.method), test.samples)
    if found.tokens != test.tokens:
        raise UserError(
            f"the test recording gives '{found.text}', not '{test.text}'",
            where=str(folder),
            todo="The bundle does not work on this machine as where it was made.",
        )
