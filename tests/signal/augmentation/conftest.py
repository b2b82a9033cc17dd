"""Speech, noise and impulse responses that every machine can make; real ones where they are."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.signal.audio.resampling import resample
from asr.signal.synthesis.espeak import EspeakSynthesiser

RATE = 16000


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """About four seconds at 16 kHz, peak 0.5."""
    synthesiser = EspeakSynthesiser()
    text = "The quick brown fox jumps over the lazy dog, and nobody sees it happen."
    samples, rate = synthesiser.synthesise(text, "gmw/en-US")
    samples = resample(samples, rate, RATE)
    return (0.5 * samples / np.abs(samples).max()).astype(np.float32)


@pytest.fixture(scope="session")
def noise_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noises of three colours and lengths, one at another rate, one stereo; and a text file."""
    folder = tmp_path_factory.mktemp("noises")
    rng = np.random.default_rng(0)
    (folder / "deeper").mkdir()
    (folder / "LICENSE.txt").write_text("none")
    white = rng.normal(0, 0.2, 30 * RATE)
    soundfile.write(folder / "white.wav", white, RATE)
    soundfile.write(folder / "deeper" / "short.flac", white[: RATE // 3].reshape(-1, 1), 44100)
    brown = np.cumsum(rng.normal(0, 1, (8 * RATE, 2)), axis=0)
    brown -= brown.mean(axis=0)
    soundfile.write(folder / "deeper" / "brown.ogg", 0.5 * brown / np.abs(brown).max(), RATE)
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real noise and impulse responses: in $ASR_REAL_DATA, or `shared/data` above the checkout."""
    places = [parent / "shared" / "data" for parent in Path(__file__).resolve().parents]
    for place in (Path(os.environ.get("ASR_REAL_DATA", "")), *places):
        if (place / "rir_webaudio").is_dir() and (place / "noise_speech_commands").is_dir():
            return place
    pytest.skip("no real noise and impulse responses on this machine")
