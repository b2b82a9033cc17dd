"""Synthetic speech for rehearsals: tiny copies of corpora in exactly the layout of the real ones.

Each recipe's `local/rehearse.py` writes these utterances as its corpus is written on disk.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile

from asr.signal.audio.resampling import resample
from asr.signal.synthesis.espeak import EspeakSynthesiser

VOICES = {"en": "gmw/en-US", "cmn": "sit/cmn"}
VARIANTS = ("m1", "f2", "m3", "f4", "m5", "f5", "m7", "f1")
_ENGLISH = "open close the red green door window seven lights turn on off please music now"
_MANDARIN = "打开 关上 红色 绿色 的 窗户 大门 七 盏 灯 请 现在 播放 音乐 今天 天气 很 好"
WORDS = {"en": _ENGLISH.split(" "), "cmn": _MANDARIN.split(" ")}


@dataclass(frozen=True)
class Spoken:
    """One synthetic utterance.

    Attributes:
        speaker: a number from 0; the same number has the same voice.
        words: what is said; `text` joins them as the language is written.
        samples: float32 (N,).
    """

    speaker: int
    words: list[str]
    text: str
    samples: np.ndarray
    sampling_rate: int

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.sampling_rate


def speak(
    language: str,
    sampling_rate: int,
    num_speakers: int,
    utterances_each: int,
    seed: int = 0,
    words: tuple[int, int] = (2, 5),
    vocabulary: Sequence[str] = (),
) -> Iterator[Spoken]:
    """Yield utterances, speaker by speaker; the same arguments give the same bytes.

    Args:
        language: `en`, `cmn`, or `cmn-en` for Mandarin with English words in it.
        words: the fewest and the most of an utterance.
        vocabulary: what the words are drawn from, instead of a few of the language's own.
    """
    synthesiser = EspeakSynthesiser()
    for speaker in range(num_speakers):
        for number in range(utterances_each):
            rng = random.Random(f"{seed} {language} {speaker} {number}")
            said = _draw_words(language, vocabulary, rng, rng.randint(*words))
            voice = f"{VOICES[language.split('-')[0]]}+{VARIANTS[speaker % len(VARIANTS)]}"
            samples, rate = synthesiser.synthesise(
                " ".join(said), voice, rate=rng.randint(160, 200), pitch=40 + 7 * speaker % 30
            )
            quiet = np.zeros(rate // 10, dtype=np.float32)
            heard = resample(0.5 * np.concatenate([quiet, samples, quiet]), rate, sampling_rate)
            hiss = np.random.default_rng(rng.randrange(2**32)).normal(0.0, 1e-4, len(heard))
            noisy = (heard + hiss).astype(np.float32)
            yield Spoken(speaker, said, _write(said), noisy, sampling_rate)


def write_librispeech(root: Path, speakers: Mapping[str, int], utterances_each: int) -> None:
    """Write a tiny LibriSpeech: chapters of flac files with a transcript file each.

    Args:
        root: the folder called LibriSpeech.
        speakers: their number in each part; no speaker is in two.
    """
    first = 100
    table = [";ID  |SEX| SUBSET           |MINUTES| NAME"]
    for part, count in speakers.items():
        spoken = speak("en", 16000, count, utterances_each, seed=first)
        for index, utterances in groupby(spoken, key=lambda utterance: utterance.speaker):
            speaker, book = first + index, 1000 + index
            table.append(f"{speaker:<4} | F | {part:<16} | 25.03 | Speaker {speaker}")
            chapter = root / part / str(speaker) / str(book)
            chapter.mkdir(parents=True)
            lines = []
            for number, utterance in enumerate(utterances):
                path = chapter / f"{speaker}-{book}-{number:04d}.flac"
                soundfile.write(path, utterance.samples, utterance.sampling_rate)
                lines.append(f"{path.stem} {utterance.text.upper()}\n")
            transcripts = chapter / f"{speaker}-{book}.trans.txt"
            transcripts.write_text("".join(lines), encoding="utf-8")
        first += count
    (root / "SPEAKERS.TXT").write_text("\n".join(table) + "\n", encoding="utf-8")


def lay_out(
    utterances: Sequence[Spoken], gap: float = 0.4, num_channels: int = 1
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Put utterances one after the other into one long recording.

    Args:
        gap: seconds of faint noise between them and at both ends; a negative gap makes neighbours
            overlap by as much, with noise at both ends only.
        num_channels: microphones; each further one hears the same a little later and fainter.

    Returns:
        samples float32 (N, channels), and start and end of every utterance in seconds.
    """
    rate = utterances[0].sampling_rate
    position = round(abs(gap) * rate)
    times = []
    for spoken in utterances:
        times.append((position, position + len(spoken.samples)))
        position = times[-1][1] + round(gap * rate)
    heard = np.zeros(max(end for _, end in times) + round(abs(gap) * rate), dtype=np.float32)
    for spoken, (start, end) in zip(utterances, times, strict=True):
        heard[start:end] += spoken.samples
    noise = np.random.default_rng(len(heard))
    heard_by = [0.9**k * np.roll(heard, 3 * k) for k in range(num_channels)]
    samples = np.stack(heard_by, axis=1) + noise.normal(0.0, 1e-4, (len(heard), num_channels))
    seconds = [(start / rate, end / rate) for start, end in times]
    return samples.astype(np.float32), seconds


def _draw_words(
    language: str, vocabulary: Sequence[str], rng: random.Random, count: int
) -> list[str]:
    if vocabulary:
        return [rng.choice(vocabulary) for _ in range(count)]
    if language == "cmn-en":
        return [rng.choice(WORDS[rng.choice(["cmn", "cmn", "en"])]) for _ in range(count)]
    return [rng.choice(WORDS[language]) for _ in range(count)]


def _write(words: list[str]) -> str:
    """Join words with a space where one of two neighbours is written in Latin letters."""
    text = words[0]
    for word in words[1:]:
        text += " " + word if text[-1].isascii() or word.isascii() else word
    return text
