from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from beeps import RATE, BeepRecogniser, record

from asr.config.transcription import TranscriptionOptions
from asr.decoding.long_audio.recordings import AudioFile
from asr.decoding.long_audio.speech import speech_windows
from asr.decoding.resources import ResourcePaths, Resources
from asr.errors import UserError
from asr.signal.audio.resampling import resample
from asr.signal.synthesis.espeak import EspeakSynthesiser
from asr.transcription.long_audio import transcribe_file

OPTIONS = TranscriptionOptions(window=10.0, overlap=2.0, batch_duration=40.0)


@pytest.mark.parametrize("seconds", [3.0, 10.0, 10.5, 95.0, 600.0])
def test_every_word_once_at_its_time(seconds: float, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    said = record(path, seconds, seed=1)
    recogniser = BeepRecogniser()
    transcript = transcribe_file(recogniser, path, OPTIONS)  # type: ignore[arg-type]
    assert [word.text for word in transcript.words] == [word.text for word in said]
    starts = [word.start for word in transcript.words]
    assert starts == pytest.approx([word.start for word in said], abs=0.011)
    assert transcript.duration == pytest.approx(seconds)
    assert max(recogniser.batches) <= 4


def test_a_killed_transcription_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path, journal = tmp_path / "a.wav", tmp_path / "out" / ".a.partial"
    said = record(path, 200.0, seed=2)
    with pytest.raises(KeyboardInterrupt):
        transcribe_file(BeepRecogniser(patience=13), path, OPTIONS, journal)  # type: ignore[arg-type]
    with journal.open("a") as stream:
        stream.write('[{"text": "ha')  # killed inside a line
    again = BeepRecogniser()
    transcript = transcribe_file(again, path, OPTIONS, journal)  # type: ignore[arg-type]
    assert [word.text for word in transcript.words] == [word.text for word in said]
    assert sum(again.batches) == 25 - 12
    assert not journal.exists()


def test_what_was_decoded_in_another_way_is_not_taken_over(tmp_path: Path) -> None:
    path, journal = tmp_path / "a.wav", tmp_path / ".a.partial"
    record(path, 100.0, seed=3)
    with pytest.raises(KeyboardInterrupt):
        transcribe_file(BeepRecogniser(patience=8), path, OPTIONS, journal)  # type: ignore[arg-type]
    hotwords = tmp_path / "hotwords"
    hotwords.write_text("do\n")
    with_hotwords = Resources(paths=ResourcePaths(hotwords=hotwords))
    for other in (BeepRecogniser(method="other"), BeepRecogniser(resources=with_hotwords)):
        kept = journal.read_text()
        transcribe_file(other, path, OPTIONS, journal)  # type: ignore[arg-type]
        assert sum(other.batches) == 13
        assert not journal.exists()
        journal.write_text(kept)


def test_another_list_of_hotwords_is_not_taken_over(tmp_path: Path) -> None:
    path, journal, hotwords = (tmp_path / name for name in ("a.wav", ".a.partial", "hotwords.txt"))
    record(path, 100.0, seed=3)
    hotwords.write_text("low\n")
    resources = Resources(paths=ResourcePaths(hotwords=hotwords))
    first = BeepRecogniser(patience=8, resources=resources)
    with pytest.raises(KeyboardInterrupt):
        transcribe_file(first, path, OPTIONS, journal)  # type: ignore[arg-type]
    hotwords.write_text("low\nhigh\n")
    again = BeepRecogniser(resources=resources)
    transcribe_file(again, path, OPTIONS, journal)  # type: ignore[arg-type]
    assert sum(again.batches) == 13


def test_silence_has_no_words(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(60 * RATE), RATE)
    transcript = transcribe_file(BeepRecogniser(), path, OPTIONS)  # type: ignore[arg-type]
    assert list(transcript.words) == [] and transcript.text == ""


def test_bad_files_are_one_line(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.wav", tmp_path / "text.wav"
    soundfile.write(empty, np.zeros(0), RATE)
    text.write_text("no audio")
    for path, told in [
        (empty, "holds no samples"),
        (text, "cannot be read as audio"),
        (tmp_path / "none.wav", "does not exist"),
    ]:
        with pytest.raises(UserError, match=told) as error:
            transcribe_file(BeepRecogniser(), path, OPTIONS)  # type: ignore[arg-type]
        assert str(path) in str(error.value)


def test_voice_activity_finds_speech(tmp_path: Path) -> None:
    pytest.importorskip("silero_vad", reason="the extra vad is not installed")
    speech = _espeak("please call the office before nine o'clock tomorrow morning")
    silence = np.zeros(RATE * 5, dtype=np.float32)
    path = tmp_path / "speech.wav"
    soundfile.write(path, np.concatenate([silence, speech, silence, speech]), RATE)
    length = len(speech) / RATE
    options = TranscriptionOptions(segmentation="vad", window=8.0, overlap=1.0).for_model({})
    found = speech_windows(AudioFile.open(path), RATE, options)
    assert [window.start for window in found] == pytest.approx([5.0, 10.0 + length], abs=0.5)
    assert [window.end for window in found] == pytest.approx(
        [5.0 + length, 10.0 + 2 * length], abs=0.6
    )


def _espeak(text: str) -> np.ndarray:
    samples, rate = EspeakSynthesiser().synthesise(text, "en-us")
    return resample(samples, rate, RATE)
