"""Transcribing recordings of any length in bounded memory."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from asr.config.transcription import TranscriptionOptions
from asr.decoding.hypothesis import Word
from asr.decoding.long_audio.cutting import cut_recording
from asr.decoding.long_audio.decode import JoinedWords, decode_windows
from asr.decoding.long_audio.recordings import AudioFile
from asr.decoding.recognizer import Recognizer
from asr.files import (
    append_jsonl,
    check_writable,
    disk_errors,
    read_jsonl_log,
    state_of,
    write_jsonl,
)
from asr.progress import progress_bar
from asr.transcription.formats import Transcript


def transcribe_file(
    recognizer: Recognizer,
    path: Path,
    options: TranscriptionOptions,
    journal: Path | None = None,
    listener: Callable[[Sequence[Word]], None] | None = None,
) -> Transcript:
    """Transcribe a recording of any length; never more than a batch of windows is in memory.

    Args:
        recognizer: what decodes the windows.
        path: an audio file; one that is damaged is transcribed as far as it can be decoded.
        options: how it is cut; see `TranscriptionOptions`.
        journal: keeps the words of decoded windows while this runs, so that a killed
            transcription goes on where it stopped; removed at the end.
        listener: is given words as soon as no later window can change them, each word once.

    Raises:
        UserError: the file is missing, is no audio or holds no samples, or the journal cannot be
            written.
    """
    file = AudioFile.open(path)
    file.tell_warning()
    options = options.for_model(recognizer.bundle.provenance)
    kept = _Journal(journal, _fingerprint(recognizer, path, options)) if journal else None
    windows = cut_recording(file, recognizer.extractor.params.sampling_rate, options)
    done = kept.windows() if kept else []
    decoded = decode_windows(recognizer, file, windows, options.batch_duration, len(done))
    joined, told = JoinedWords(), 0
    with progress_bar(round(file.duration), "s", path.name) as bar:
        for number, window in enumerate(windows):
            if number < len(done):
                found = done[number]
            else:
                found = next(decoded).words
                if kept:
                    kept.add(found)
            joined.add(window, found)
            if listener:
                behind = windows[number + 1].start if number + 1 < len(windows) else math.inf
                settled = joined.count_before(behind)
                listener(joined.words[told:settled])
                told = settled
            bar.update(round(window.end) - bar.n)
    if kept:
        kept.remove()
    return Transcript(str(path), file.duration, joined.words)


def _fingerprint(recognizer: Recognizer, path: Path, options: TranscriptionOptions) -> str:
    """Return what the words of a window depend on, as a hash."""
    chunking = recognizer.chunking
    value = {
        "file": state_of(path),
        "model": recognizer.bundle.provenance,
        "method": recognizer.method,
        "resources": recognizer.resources.paths.state(),
        "decoding": recognizer.options.model_dump(mode="json"),
        "chunking": asdict(chunking) if chunking else None,
        "cutting": options.model_dump(mode="json"),
    }
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


class _Journal:
    """The words of the windows decoded so far, a line each, behind a line that says of what.

    Raises:
        UserError: its folder cannot be written to.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self.head = {"transcription": fingerprint}
        check_writable(path.parent)

    def windows(self) -> list[list[Word]]:
        """Read what an earlier run left; what was of something else is removed."""
        rows = read_jsonl_log(self.path)
        if not rows or rows[0] != self.head:
            self.remove()
            return []
        return [[Word(**word) for word in row["words"]] for row in rows[1:]]

    def add(self, words: Sequence[Word]) -> None:
        rows: list[dict[str, Any]] = [asdict(word) for word in words]
        if not self.path.exists():
            write_jsonl(self.path, [self.head])
        append_jsonl(self.path, {"words": rows})

    def remove(self) -> None:
        with disk_errors(self.path):
            self.path.unlink(missing_ok=True)
