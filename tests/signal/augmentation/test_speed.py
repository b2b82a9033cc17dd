"""Speed copies: their ids, lengths and pitch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import CutSet, Recording

from asr.config.augmentation import SpeedPerturb
from asr.signal.augmentation.speed import speed_copies
from tests.corpus_files import write_noise


def test_speed_copies(tmp_path: Path) -> None:
    recordings = {"a": 1.0, "bb": 2.0}
    cuts = CutSet.from_cuts(
        Recording.from_file(write_noise(tmp_path / f"{name}.wav", seconds, 16000)).to_cut()
        for name, seconds in recordings.items()
    )
    copies = speed_copies(cuts, SpeedPerturb(factors=[0.9, 1.0, 1.1]))
    assert [(cut.id, cut.custom["source_id"]) for cut in copies] == [
        (f"{name}{suffix}", name) for name in ("a", "bb") for suffix in ("_sp0.9", "", "_sp1.1")
    ]
    assert [cut.num_samples for cut in copies][:3] == [17778, 16000, 14545]
    assert all(cut.load_audio().shape == (1, cut.num_samples) for cut in copies)
    assert all(cut.custom is None for cut in cuts)


def test_a_faster_copy_sounds_higher(tmp_path: Path) -> None:
    seconds = np.arange(16000) / 16000
    soundfile.write(tmp_path / "a.wav", 0.3 * np.sin(2 * np.pi * 1000 * seconds), 16000)
    cut = Recording.from_file(tmp_path / "a.wav").to_cut()
    (fast,) = speed_copies([cut], SpeedPerturb(factors=[2.0]))
    spectrum = np.abs(np.fft.rfft(fast.load_audio()[0]))
    assert np.argmax(spectrum) / len(spectrum) * 8000 == pytest.approx(2000, abs=10)
