"""A trained model on recordings that are longer than what it was trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.bundle import load_bundle
from asr.config.transcription import TranscriptionOptions
from asr.decoding.hypothesis import Word
from asr.decoding.long_audio.cutting import cut_recording
from asr.decoding.long_audio.decode import decode_recording, read_between_words
from asr.decoding.long_audio.recordings import AudioFile, open_recording
from asr.decoding.long_audio.windows import overlapped_windows
from asr.decoding.recognizer import Recognizer
from asr.feeding.cuts import load_cuts
from asr.signal.audio.resampling import resample
from asr.signal.synthesis.espeak import EspeakSynthesiser
from asr.transcription.long_audio import transcribe_file
from tests.decoding_kit import DecodingKit
from tests.tone_corpus import RATE, TONES, speak

METHODS = ["ctc-prefix-beam", "attention-rescoring"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Write a minute and a half of tones; return what they are."""
    rng = np.random.default_rng(3)
    pieces, said = [], []
    for _ in range(60):
        words = [str(word) for word in rng.choice(sorted(TONES), size=rng.integers(1, 5))]
        said += words
        pieces += [speak(words, rng), np.zeros(int(rng.uniform(0.05, 0.3) * RATE), np.float32)]
    path = tmp_path_factory.mktemp("long") / "tones.wav"
    soundfile.write(path, np.concatenate(pieces), RATE)
    return path, said


@pytest.mark.parametrize("method", METHODS)
def test_the_words_are_those_of_each_window_alone_away_from_the_joins(
    method: str, recording: tuple[Path, list[str]], decoding_kit: DecodingKit
) -> None:
    path, said = recording
    recognizer = Recognizer.load(decoding_kit.bundle, method)
    options = TranscriptionOptions(window=4.0, overlap=1.0, batch_duration=40.0)
    words = transcribe_file(recognizer, path, options).words
    file = AudioFile.open(path)
    windows = overlapped_windows(file.duration, 4.0, 1.0)
    compared = 0
    for before, window, after in zip([None, *windows], windows, [*windows[1:], None], strict=False):
        heard, samples = read_between_words(file, RATE, before, window, after)
        ((alone, *_),) = recognizer.decode_features([recognizer.extractor.extract(samples)])
        start = before.end if before else 0.0
        end = after.start if after else file.duration
        expected = _within(alone.words, start - heard.start, end - heard.start)
        found = _within(words, start, end)
        assert [word.text for word in found] == [word.text for word in expected]
        assert [word.start - heard.start for word in found] == pytest.approx(
            [word.start for word in expected], abs=1e-6
        )
        compared += len(found)
    assert compared > len(said) / 3  # two of four seconds are away from the joins


def _within(words: list[Word], start: float, end: float) -> list[Word]:
    return [word for word in words if start <= word.start and word.end <= end]


def test_the_recognizer_hears_a_file_of_any_length_as_asr_transcribe_does(
    recording: tuple[Path, list[str]], decoding_kit: DecodingKit
) -> None:
    path, _ = recording
    recognizer = Recognizer.load(decoding_kit.bundle)
    hypothesis = recognizer.transcribe(path)
    transcript = transcribe_file(recognizer, path, TranscriptionOptions())
    assert hypothesis.words == transcript.words
    assert hypothesis.text == transcript.text
    tokenizer = recognizer.bundle.tokenizer
    assert tokenizer.decode(hypothesis.tokens) == hypothesis.text
    assert hypothesis.score < 0.0 and hypothesis.timestamps == []
    samples, _ = soundfile.read(path, dtype="float32")
    assert recognizer.transcribe(samples) == hypothesis


def test_up_to_the_longest_trained_utterance_it_is_decoded_at_once(
    decoding_kit: DecodingKit, tmp_path: Path
) -> None:
    """The 95th percentile is where windows of longer ones end, not where they begin."""
    lengths = {"p95": 4.0, "longest": 8.0}
    bundle = load_bundle(decoding_kit.bundle)
    bundle = replace(bundle, provenance={**bundle.provenance, "utterance_seconds": lengths})
    recognizer = Recognizer(bundle)
    rng = np.random.default_rng(0)
    words = ["low", "top", "mid", "high", "mid", "top"] * 3
    samples = speak(words, rng)
    assert lengths["p95"] < len(samples) / RATE < lengths["longest"]
    ((best, *_),) = recognizer.decode_features([recognizer.extractor.extract(samples)])
    assert recognizer.transcribe(samples) == best
    soundfile.write(path := tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    assert transcribe_file(recognizer, path, TranscriptionOptions()).words == best.words
    longer = speak([*words, *words], rng)
    assert recognizer.transcribe(longer).timestamps == []  # of several windows


def test_short_utterances_and_long_recordings_are_cut_by_voice_activity(
    decoding_kit: DecodingKit, tmp_path: Path
) -> None:
    pytest.importorskip("silero_vad", reason="the extra vad is not installed")
    speech, rate = EspeakSynthesiser().synthesise("call the office tomorrow morning", "en-us")
    speech = resample(speech, rate, RATE)
    silence = np.zeros(4 * RATE, dtype=np.float32)
    samples = np.concatenate([silence, speech, silence, speech])
    soundfile.write(path := tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    provenance = load_bundle(decoding_kit.bundle).provenance
    options = TranscriptionOptions().for_model(provenance)
    found = [
        cut_recording(recording, RATE, options)
        for recording in (AudioFile.open(path), open_recording(samples, RATE))
    ]
    assert found[0] == found[1]
    length = len(speech) / RATE
    assert [window.start for window in found[0]] == pytest.approx([4.0, 8.0 + length], abs=0.5)
    assert [window.duration for window in found[0]] == pytest.approx([length] * 2, abs=0.6)
    windows = TranscriptionOptions(segmentation="windows").for_model(provenance)
    assert len(cut_recording(AudioFile.open(path), RATE, windows)) > 2


def test_what_the_detector_hears_nobody_in_is_still_decoded(decoding_kit: DecodingKit) -> None:
    """Tones are no speech to it; they are what this model knows."""
    pytest.importorskip("silero_vad", reason="the extra vad is not installed")
    rng = np.random.default_rng(0)
    samples = np.concatenate([speak(["low", "top", "mid"], rng) for _ in range(6)])
    recognizer = Recognizer.load(decoding_kit.bundle)
    assert recognizer.transcribe(samples).text
    options = TranscriptionOptions(segmentation="vad").for_model(recognizer.bundle.provenance)
    assert cut_recording(open_recording(samples, RATE), RATE, options) == []
    assert decode_recording(recognizer, open_recording(samples, RATE), options).text == ""


def test_up_to_a_window_it_is_decoded_at_once(decoding_kit: DecodingKit) -> None:
    recognizer = Recognizer.load(decoding_kit.bundle)
    samples = speak(["low", "top", "mid"], np.random.default_rng(0))
    ((best, *_),) = recognizer.decode_features([recognizer.extractor.extract(samples)])
    assert recognizer.transcribe(samples) == best
    assert best.timestamps


def test_the_bundle_tells_how_long_training_utterances_were(decoding_kit: DecodingKit) -> None:
    bundle = load_bundle(decoding_kit.bundle)
    lengths = [cut.duration for cut in load_cuts(decoding_kit.corpus.train_cuts)]
    told = bundle.provenance["utterance_seconds"]
    assert told["longest"] == pytest.approx(max(lengths), abs=1e-3)
    assert told["p95"] == pytest.approx(float(np.quantile(lengths, 0.95)), abs=1e-3)
    assert sum(length <= told["median"] + 1e-3 for length in lengths) >= len(lengths) / 2
