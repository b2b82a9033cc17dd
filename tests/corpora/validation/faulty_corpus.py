"""A corpus with every fault that `asr validate` knows, and what it should say of each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from asr.config.tokenizer import CharTokenizerParams
from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import Rejection, write_rejections
from asr.corpora.tables.rows import unlisted_path
from asr.files import read_jsonl, write_jsonl
from asr.text.tokenizers import CharTokenizer
from tests.corpus_files import cut_short, prepare, write_table

RATE = 16000
NUM_GOOD = 120
TEXT = "plain words of a plain corpus"
CONF = "features_params: {sampling_rate: 16000}\n"
VOCABULARY = "abcdefghijklmnopqrstuvwxyz 0123456789 <>[]\u200b привет"

REJECTED = {
    "half a row": "malformed-row",
    "absent": "missing-audio",
    "blank text": "empty-transcript",
    "no text": "missing-transcript",
    "twice": "duplicate-id",
    "garbage": "unreadable-audio",
    "no bytes": "unreadable-audio",
    "no samples": "empty-audio",
    "changed": "changed-audio",
    "cut wav": "truncated-audio",
    "cut flac": "truncated-audio",
    "behind the end": "segment-outside-recording",
    "backwards": "segment-outside-recording",
    "third channel": "channel-outside-recording",
    "nan": "non-finite-audio",
    "infinite": "non-finite-audio",
    "short": "too-short",
    "long": "too-long",
    "zeros": "silent-audio",
    "whisper of a converter": "silent-audio",
    "spoken too fast": "too-short-for-its-text",
    "too few frames": "too-short-for-its-text",
    "zero width": "control-characters",
}
WARNED = {
    "accent": "unknown-token",
    "one word": "too-little-text",
    "tag": "markup",
    "remark": "markup",
    "cyrillic": "rare-script",
    "digits": "rare-script",
    "clipped": "clipped-audio",
    "telephone": "low-sampling-rate",
    "the copy": "duplicate-audio",
    "talk d": "duplicate-audio",
    "talk b": "overlapping-segments",
}
UNNAMED = "missing-transcript"  # of a file that no utterance names

_TEXTS = {
    "blank text": " \t ",
    "spoken too fast": TEXT * 3,
    # 25 encoder frames a second, and a blank between equal letters
    "too few frames": "aa bb cc dd ee ff gg hh ii jj kk",
    "zero width": "plain\u200bwords of a plain corpus",
    "accent": "a plain café and its corpus",
    "one word": "plain",
    "tag": "plain words <unk> corpus",
    "remark": "plain words [laughter] corpus",
    "cyrillic": "plain words привет",
    "digits": "plain words 42",
}
_SECONDS = {"short": 0.05, "long": 61.0, "one word": 8.0, "too few frames": 1.4}
_SEGMENTS = {
    "talk a": (0.0, 2.0),
    "talk b": (1.5, 2.0),
    "talk c": (3.55, 2.0),  # 0.05 s into b is no fault
    "talk d": (3.55, 2.0),
    "behind the end": (8.0, 3.0),
    "backwards": (6.0, -1.0),
}


class FaultyCorpus:
    """Writes audio, manifests, a conf and a tokenizer under `root`."""

    def __init__(self, root: Path) -> None:
        self.manifests = root / "manifests"
        self.data = root / "data"
        self.conf = root / "conf.yaml"
        self.tokenizer = root / "lang"
        self._wav = root / "wav"
        self._wav.mkdir(parents=True)
        self._noise = np.random.default_rng(0)
        self.conf.write_text(CONF)
        CharTokenizer.train([VOCABULARY], CharTokenizerParams()).save(self.tokenizer)
        rows = self._write_audio()
        table = write_table(root / "train.jsonl", *rows)
        malformed = Rejection("half a row", None, Reason.MALFORMED_ROW, "one column of two")
        write_rejections(unlisted_path(table), [malformed])  # as `asr table` does
        assert prepare(table, self.manifests, "--audio-dir", str(self._wav)) == 0
        self._spoil_afterwards()

    def _row(self, name: str, path: str, **more: object) -> dict[str, object]:
        row = {"id": name, "path": str(self._wav / path), "speaker": "s", "language": "en"}
        return {**row, "text": _TEXTS.get(name, TEXT), **more}

    def _samples(self, seconds: float, rate: int = RATE) -> np.ndarray:
        return self._noise.normal(0.0, 0.1, round(seconds * rate)).astype(np.float32)

    def _write_audio(self) -> list[dict[str, object]]:
        rows = []
        for index in range(NUM_GOOD):
            self._write(f"good {index:03d}.wav", self._samples(1.5 + index / 100))
            rows.append(self._row(f"good {index:03d}", f"good {index:03d}.wav"))
        for name in (*_TEXTS, *_SECONDS, "changed", "cut wav", "no text", "twice"):
            self._write(f"{name}.wav", self._samples(_SECONDS.get(name, 2.0)))
        self._write("cut flac.flac", self._samples(20.0))
        self._write_special()
        cut_short(self._wav / "cut wav.wav", 0.6)
        cut_short(self._wav / "cut flac.flac", 0.6)
        known = {"talk", "stereo", "unnamed"}
        for path in sorted(self._wav.iterdir()):
            if not path.stem.startswith("good") and path.stem not in known:
                rows.append(self._row(path.stem, path.name))
        rows = [{**row, "text": None} if row["id"] == "no text" else row for row in rows]
        rows.append(self._row("twice", "good 001.wav"))
        rows.append(self._row("absent", "absent.wav"))
        rows.append(self._row("third channel", "stereo.wav"))
        for name, (start, duration) in _SEGMENTS.items():
            rows.append(self._row(name, "talk.wav", start=start, duration=duration))
        return rows

    def _write_special(self) -> None:
        self._write("talk.wav", self._samples(10.0))
        self._write("unnamed.wav", self._samples(2.0))
        self._write("stereo.wav", self._samples(4.0).reshape(-1, 2))
        self._write("no samples.wav", np.zeros(0))
        (self._wav / "no bytes.wav").write_bytes(b"")
        (self._wav / "garbage.wav").write_bytes(b"no audio " * 100)
        for name, value in (("nan", np.nan), ("infinite", np.inf)):
            samples = self._samples(2.0)
            samples[5000] = value
            self._write(f"{name}.wav", samples, subtype="FLOAT")
        self._write("zeros.wav", np.zeros(2 * RATE))
        self._write("whisper of a converter.wav", self._samples(2.0) / 1000)
        self._write("clipped.wav", np.clip(self._samples(2.0) * 30, -0.9, 0.9))
        self._write("telephone.wav", self._samples(2.0, 8000), rate=8000)
        samples, _ = soundfile.read(self._wav / "good 005.wav", dtype="int16")
        soundfile.write(self._wav / "the copy.flac", samples, RATE)

    def _write(self, name: str, samples: np.ndarray, rate: int = RATE, **options: str) -> None:
        soundfile.write(self._wav / name, samples, rate, **options)

    def _spoil_afterwards(self) -> None:
        """Plant what `asr prepare` cannot write or would have noticed."""
        self._write("changed.wav", self._samples(3.0))
        path = self.manifests / "supervisions_train.jsonl"
        rows = list(read_jsonl(path))
        for row in rows:
            if row["id"] == "third channel":
                row["channel"] = 2
        write_jsonl(path, rows)


def found(path: Path) -> list[tuple[str | None, str]]:
    """Return id and reason of every line of a rejections file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(row["id"], row["reason"]) for row in map(json.loads, lines)]
