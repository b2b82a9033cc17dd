"""Transcribing recordings of any length in bounded memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from asr.config.transcription import TranscriptionOptions
from asr.data.audio import AudioError, AudioHeader, read_header
from asr.decoding.hypothesis import Hypothesis, Word
from asr.decoding.recognizer import Recognizer
from asr.errors import UserError
from asr.files import disk_errors, state_of
from asr.transcription.formats import Transcript
from asr.transcription.merging import merge_words
from asr.transcription.speech import speech_windows
from asr.transcription.windows import Window, overlapped_windows, quietest, read_window


def transcribe_file(
    recognizer: Recognizer,
    path: Path,
    options: TranscriptionOptions,
    journal: Path | None = None,
) -> Transcript:
    """Transcribe a recording of any length; never more than a batch of windows is in memory.

    Args:
        recognizer: what decodes the windows.
        path: a file that libsndfile reads.
        options: how it is cut; see `TranscriptionOptions`.
        journal: keeps the words of decoded windows while this runs, so that a killed
            transcription goes on where it stopped; removed at the end.

    Raises:
        UserError: the file is missing, is no audio or holds no samples.
    """
    header = _header(path)
    duration = header.num_samples / header.sampling_rate
    if options.segmentation == "vad":
        windows = speech_windows(path, header, options)
    else:
        windows = overlapped_windows(duration, options.window, options.overlap)
    kept = _Journal(journal, _fingerprint(recognizer, path, options)) if journal else None
    done = kept.windows() if kept else []
    decoded = _decode(recognizer, path, header, windows, len(done), options.batch_duration)
    words: list[Word] = []
    with tqdm(total=round(duration), desc=path.name, unit="s") as bar:
        for number, window in enumerate(windows):
            if number < len(done):
                found = done[number]
            else:
                found = next(decoded)
                if kept:
                    kept.add(found)
            before = windows[number - 1].end if number else window.start
            words = _joined(words, found, window.start, before)
            bar.update(round(window.end) - bar.n)
    if kept:
        kept.remove()
    return Transcript(str(path), duration, words)


def _joined(words: list[Word], found: list[Word], start: float, end: float) -> list[Word]:
    """Append the words of a window to those before it, which reach to `end` seconds."""
    if end <= start:
        return words + found
    # Only the tail can overlap; merging all words again would take time square in their number.
    first = next((n for n in range(len(words), 0, -1) if words[n - 1].end <= start), 0)
    words[first:] = merge_words(words[first:], found, start, end)
    return words


def _decode(
    recognizer: Recognizer,
    path: Path,
    header: AudioHeader,
    windows: Sequence[Window],
    first: int,
    batch_duration: float,
) -> Iterator[list[Word]]:
    """Yield the words of each window from number `first`, with times of the whole recording."""
    rate = recognizer.bundle.config.features_params.sampling_rate
    neighbours = zip([None, *windows], windows, [*windows[1:], None], strict=False)
    for batch in _batches(list(neighbours)[first:], batch_duration):
        cut = [_read_between_words(path, header, rate, *triple) for triple in batch]
        features = [recognizer.extractor.extract(samples) for _, samples in cut]
        for (window, _), n_best in zip(cut, recognizer.decode_features(features), strict=True):
            yield _in_recording(n_best[0], window)


def _read_between_words(
    path: Path,
    header: AudioHeader,
    rate: int,
    before: Window | None,
    window: Window,
    after: Window | None,
) -> tuple[Window, np.ndarray]:
    """Read a window, its ends moved to where it is quietest in their halves of the overlaps.

    A window that begins or ends inside a word gives recognition something it never learned.
    """
    samples = read_window(path, header, window, rate)
    start, end = 0.0, window.duration
    if before and before.end > window.start:
        start = quietest(samples, rate, 0.0, (before.end - window.start) / 2)
    if after and after.start < window.end:
        end = quietest(samples, rate, end - (window.end - after.start) / 2, end)
    heard = Window(window.start + start, window.start + end)
    return heard, samples[round(start * rate) : round(end * rate)]


def _in_recording(hypothesis: Hypothesis, window: Window) -> list[Word]:
    """Return a window's words with times of the whole recording."""
    if hypothesis.text and not hypothesis.words:  # more tokens than CTC can place in time
        return [Word(hypothesis.text, window.start, window.end, 0.0)]
    return [
        replace(word, start=word.start + window.start, end=word.end + window.start)
        for word in hypothesis.words
    ]


_Triple = tuple[Window | None, Window, Window | None]  # a window between its neighbours


def _batches(windows: Sequence[_Triple], batch_duration: float) -> Iterator[list[_Triple]]:
    batch: list[_Triple] = []
    for triple in windows:
        longest = max(window.duration for _, window, _ in (*batch, triple))
        if batch and longest * (len(batch) + 1) > batch_duration:
            yield batch
            batch = []
        batch.append(triple)
    if batch:
        yield batch


def _header(path: Path) -> AudioHeader:
    if not path.is_file():
        raise UserError("the audio file does not exist", where=str(path))
    try:
        header = read_header(path)
    except AudioError as error:
        what = f"cannot be read as audio: {error}"
        raise UserError(what, where=str(path), todo="Convert it to WAV or FLAC.") from error
    if not header.num_samples:
        raise UserError("holds no samples", where=str(path))
    return header


def _fingerprint(recognizer: Recognizer, path: Path, options: TranscriptionOptions) -> str:
    """Return what the words of a window depend on, as a hash."""
    chunking = recognizer.chunking
    value = {
        "file": state_of(path),
        "model": recognizer.bundle.provenance,
        "method": recognizer.method,
        "decoding": recognizer.options.model_dump(mode="json"),
        "resources": recognizer.resources.paths.states(),
        "chunking": [chunking.chunk_size, chunking.left_chunks] if chunking else None,
        "cutting": options.model_dump(mode="json"),
    }
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


class _Journal:
    """The words of the windows decoded so far, a line each, behind a line that says of what."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self.head = json.dumps({"transcription": fingerprint}) + "\n"

    def windows(self) -> list[list[Word]]:
        """Read what an earlier run left; start anew where it was of something else."""
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
            whole = text[: text.rfind("\n") + 1]
            if not whole.startswith(self.head):
                whole = self.head
            self.path.write_text(whole, encoding="utf-8")
        lines = whole.splitlines()[1:]
        return [[Word(**word) for word in json.loads(line)] for line in lines]

    def add(self, words: list[Word]) -> None:
        rows: list[dict[str, Any]] = [asdict(word) for word in words]
        with disk_errors(self.path), self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(rows, ensure_ascii=False) + "\n")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
