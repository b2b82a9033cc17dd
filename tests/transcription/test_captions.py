from __future__ import annotations

import json
import random
import re

import pytest

from asr.decoding.hypothesis import Word
from asr.transcription.captions import LINE_WIDTH, LINES, LONGEST, captions, display_width
from asr.transcription.formats import FORMATS, Transcript

CLOCK = r"(\d\d):(\d\d):(\d\d)[,.](\d\d\d)"


def talk(seed: int, alphabet: list[str]) -> list[Word]:
    rng = random.Random(seed)
    time, said = 0.0, []
    for _ in range(300):
        time += rng.choice([0.0, 0.05, 0.2, 1.5, 3.0])
        length = rng.uniform(0.05, 0.8)
        said.append(Word(rng.choice(alphabet), time, time + length, 0.5))
        time += length
    return said


ENGLISH = ["a", "captions", "of", "unbelievable", "length", "& <tags>"]
MANDARIN = ["我", "们", "说", "话"]


@pytest.mark.parametrize("alphabet", [ENGLISH, MANDARIN])
def test_captions_hold_every_word_once_within_the_limits(alphabet: list[str]) -> None:
    said = talk(1, alphabet)
    made = captions(said)
    joined = "".join("".join(caption.lines) for caption in made)
    assert joined.replace(" ", "") == "".join(word.text for word in said).replace(" ", "")
    for caption, following in zip(made, [*made[1:], None], strict=True):
        assert 0.0 <= caption.start < caption.end
        assert following is None or caption.end <= following.start
        assert len(caption.lines) <= LINES
        assert all(display_width(line) <= LINE_WIDTH for line in caption.lines)
        assert caption.end - caption.start <= LONGEST + 1e-6


def seconds(clock: tuple[str, ...]) -> float:
    hours, minutes, whole, thousandths = map(int, clock)
    return 3600 * hours + 60 * minutes + whole + thousandths / 1000


@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_caption_files_tell_the_captions(name: str) -> None:
    said = [Word(w.text, w.start + 3590.0, w.end + 3590.0, 0.5) for w in talk(2, ENGLISH)]
    written = FORMATS[name](Transcript("a.wav", 5000.0, said))
    times = re.findall(f"{CLOCK} --> {CLOCK}", written)
    made = captions(said)
    assert len(times) == len(made)
    for clock, caption in zip(times, made, strict=True):
        assert seconds(clock[:4]) == pytest.approx(caption.start, abs=6e-4)
        assert seconds(clock[4:]) == pytest.approx(caption.end, abs=6e-4)
    if name == "srt":
        numbers = [int(n) for n in re.findall(r"(?:^|\n\n)(\d+)\n\d\d:", written)]
        assert numbers == list(range(1, len(made) + 1))
    else:
        assert written.startswith("WEBVTT\n\n")
        assert "<tags>" not in written and "&amp; &lt;tags&gt;" in written


def test_json_and_text() -> None:
    said = [Word("good", 0.1, 0.4, 0.75), Word("day", 0.5, 0.9, 1.0), Word("sir", 5.0, 5.2, 0.5)]
    transcript = Transcript("a.wav", 6.0, said)
    value = json.loads(FORMATS["json"](transcript))
    assert value["text"] == "good day sir"
    assert value["words"][0] == {"word": "good", "start": 0.1, "end": 0.4, "confidence": 0.75}
    assert FORMATS["txt"](transcript) == "good day\nsir\n"


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_said_is_a_valid_file(name: str) -> None:
    written = FORMATS[name](Transcript("a.wav", 6.0, []))
    assert "-->" not in written
    if name == "txt":
        assert written == "\n"
