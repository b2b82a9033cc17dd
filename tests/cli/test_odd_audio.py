"""Silence, next to no audio and noise are no mistakes: every method gives some text, or none."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio.reader import count_samples
from asr.bundle import load_bundle
from asr.config.decoding import METHODS, MethodName
from asr.decoding.recognizer import Recognizer
from asr.decoding.resources import ResourcePaths, load_resources
from asr.files import read_json
from asr.signal.features.fbank import FbankExtractor
from tests.audio.media import encode, mp3, sound
from tests.decoding_kit import DecodingKit
from tests.tone_corpus import RATE, run

FRAME_SHIFT, ENCODING = 80, 320  # samples


def noise(num_samples: int, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(num_samples).normal(0.0, level, num_samples).astype(np.float32)


ODD = {
    "one sample": noise(1),
    "less than a feature frame": noise(FRAME_SHIFT // 2 - 1),
    "10 ms": noise(FRAME_SHIFT),
    "less than an encoding": noise(ENCODING - FRAME_SHIFT),
    "an encoding": noise(ENCODING),
    "0.1 s": noise(RATE // 10),
    "silence": np.zeros(3 * RATE, dtype=np.float32),
    "a constant": np.full(RATE, 0.5, dtype=np.float32),
    "noise": noise(8 * RATE),
    "clipped noise": noise(2 * RATE, level=2.0).clip(-1.0, 1.0),
}


def method_names() -> list[object]:
    """Every method, alone where it can be, and with all that it takes."""
    names: list[object] = []
    for base, method in METHODS.items():
        if method.needs_rescoring_ngram:
            continue
        alone = [base] * (not method.needs_one_of)
        for name in [*alone, "+".join((base, *method.takes))][: 2 if method.takes else 1]:
            needs_k2 = [pytest.mark.needs_k2] * MethodName.parse(name).uses_k2
            names.append(pytest.param(name, marks=needs_k2))
    return names


@pytest.mark.parametrize("method", method_names())
def test_alone_and_in_a_batch(method: str, decoding_kit: DecodingKit) -> None:
    bundle = load_bundle(decoding_kit.bundle)
    paths = ResourcePaths(
        decoding_kit.ngram, decoding_kit.neural_lm, decoding_kit.graph, decoding_kit.hotwords
    )
    device = next(bundle.model.parameters()).device
    resources = load_resources(paths, bundle, device).used_by(MethodName.parse(method))
    recognizer = Recognizer(bundle, method, resources=resources)
    features = [recognizer.extractor.extract(samples) for samples in ODD.values()]
    together = recognizer.decode_features(features)
    for (name, samples), feature, n_best in zip(ODD.items(), features, together, strict=True):
        assert all(math.isfinite(hypothesis.score) for hypothesis in n_best), name
        (alone,) = recognizer.decode_features([feature])
        assert [h.text for h in n_best] == [h.text for h in alone], name
        scores = [h.score for h in alone]
        assert [h.score for h in n_best] == pytest.approx(scores, abs=2e-3), name
        if len(samples) < ENCODING - FRAME_SHIFT // 2:
            assert (n_best[0].text, n_best[0].score) == ("", 0.0), name


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("segmentation", ["windows", "vad"])
def test_asr_transcribe(
    name: str, segmentation: str, decoding_kit: DecodingKit, tmp_path: Path
) -> None:
    if segmentation == "vad":
        pytest.importorskip("silero_vad", reason="the extra vad is not installed")
    audio = tmp_path / "odd.wav"
    soundfile.write(audio, ODD[name], RATE, subtype="FLOAT")
    run(
        "transcribe", "--bundle", str(decoding_kit.bundle), str(audio), "--output-dir",
        str(tmp_path), "--segmentation", segmentation, "--format", "json", "--format", "srt",
    )  # fmt: skip
    transcript = read_json(tmp_path / "odd.json")
    assert transcript["duration"] == pytest.approx(len(ODD[name]) / RATE, abs=1e-3)
    assert bool(transcript["text"]) == bool((tmp_path / "odd.srt").read_text())
    for word in transcript["words"]:
        assert 0.0 <= word["start"] <= word["end"] <= transcript["duration"] + 0.01


def test_a_folder_of_media_one_of_them_cut_short(
    decoding_kit: DecodingKit, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "talks"
    folder.mkdir()
    encode(folder / "phone.m4a", "aac", RATE, sound(RATE, 3))
    whole = mp3(sound(RATE, 6), RATE)
    (folder / "half.mp3").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.txt").write_text("none")
    run(
        "transcribe", "--bundle", str(decoding_kit.bundle), str(folder),
        "--output-dir", str(tmp_path / "out"), "--format", "json",
    )  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["half.json", "phone.json"]
    for name in ("half.mp3", "phone.m4a"):
        transcript = read_json(tmp_path / "out" / f"{name.split('.')[0]}.json")
        assert transcript["file"] == str(folder / name)
        seconds = count_samples(folder / name)[0] / RATE
        assert transcript["duration"] == pytest.approx(seconds, abs=1e-3)
        assert all(word["end"] <= seconds + 0.01 for word in transcript["words"])
    (told,) = [record.message for record in caplog.records if "decoded" in record.message]
    assert "half.mp3: only 2." in told


def test_noise_of_any_length_takes_bounded_batches(
    decoding_kit: DecodingKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of noise, at a sixtieth: no batch grows with the recording."""
    sizes: list[int] = []
    encode = Recognizer.encode

    def measured(self: Recognizer, features: list) -> tuple:
        sizes.append(sum(map(len, features)))
        return encode(self, features)

    monkeypatch.setattr(Recognizer, "encode", measured)
    audio = tmp_path / "noise.wav"
    soundfile.write(audio, noise(180 * RATE), RATE)
    recognizer = Recognizer.load(decoding_kit.bundle, "ctc-greedy")
    assert isinstance(recognizer.extractor, FbankExtractor)
    assert math.isfinite(recognizer.transcribe(audio).score)
    assert len(sizes) > 1
    assert max(sizes) <= 120 * 100  # feature frames of TranscriptionOptions.batch_duration
