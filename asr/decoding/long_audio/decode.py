"""Decoding the windows of a recording, batch by batch, and putting their words together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from torch import Tensor

from asr.bundle import Bundle
from asr.config.transcription import TranscriptionOptions
from asr.decoding.hypothesis import Hypothesis, Word
from asr.decoding.long_audio.cutting import cut_recording
from asr.decoding.long_audio.merging import join_words, merge_words
from asr.decoding.long_audio.recordings import Recording
from asr.decoding.long_audio.windows import Window, quietest
from asr.signal.features.fbank import FbankExtractor


class WindowDecoder(Protocol):
    """What decodes windows, as `Recognizer` does: features of its extractor, by its bundle."""

    bundle: Bundle
    extractor: FbankExtractor

    def decode_features(self, features: Sequence[Tensor]) -> list[list[Hypothesis]]:
        """Decode a batch of feature matrices, each (T, F): n-best hypotheses, texts filled in."""


def decode_recording(
    decoder: WindowDecoder, recording: Recording, options: TranscriptionOptions
) -> Hypothesis:
    """Decode a recording: at once up to `whole` seconds, else cut as the options say.

    Of several windows the tokens are those of the text, without times, which the words have; the
    score is the sum over the windows, what they share counted twice.

    Args:
        options: as `TranscriptionOptions.for_model` returns them.

    Raises:
        UserError: the recording cannot be read, or the model's scores are not finite.
    """
    windows = cut_recording(recording, decoder.extractor.params.sampling_rate, options)
    decoded = decode_windows(decoder, recording, windows, options.batch_duration)
    if len(windows) == 1:
        return next(decoded)
    joined, score, complete = JoinedWords(), 0.0, True
    for window, hypothesis in zip(windows, decoded, strict=True):
        joined.add(window, hypothesis.words)
        score += hypothesis.score
        complete = complete and hypothesis.complete
    text = join_words(joined.words)
    tokens = decoder.bundle.tokenizer.encode(text)
    return Hypothesis(tokens, score, text=text, words=joined.words, complete=complete)


def decode_windows(
    decoder: WindowDecoder,
    recording: Recording,
    windows: Sequence[Window],
    batch_duration: float,
    first: int = 0,
) -> Iterator[Hypothesis]:
    """Yield the best hypothesis of each window from number `first`.

    Never more than a batch of windows is in memory. Times are those of the recording; a hypothesis
    that CTC cannot place in time is one word as long as its window.

    Args:
        windows: in order of time.
        batch_duration: seconds of windows in a batch.
    """
    rate = decoder.extractor.params.sampling_rate
    neighbours = zip([None, *windows], windows, [*windows[1:], None], strict=False)
    for batch in _batches(list(neighbours)[first:], batch_duration):
        heard = [read_between_words(recording, rate, *triple) for triple in batch]
        features = [decoder.extractor.extract(samples) for _, samples in heard]
        for (window, _), n_best in zip(heard, decoder.decode_features(features), strict=True):
            yield _in_recording(n_best[0], window)


class JoinedWords:
    """The words of a recording so far, as its windows come in.

    Attributes:
        words: in order of time.
        reached: seconds, the end of the last window.
    """

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.reached = 0.0

    def add(self, window: Window, found: Sequence[Word]) -> None:
        """Append the words of the next window."""
        words, start, end = self.words, window.start, self.reached
        self.reached = window.end
        if end <= start:
            words.extend(found)
            return
        # Only the tail can overlap; merging all again would take time square in their number.
        first = self.count_before(start)
        words[first:] = merge_words(words[first:], found, start, end)

    def count_before(self, second: float) -> int:
        """Return how many words no window that begins there will change."""
        if self.reached <= second:
            return len(self.words)
        behind = range(len(self.words), 0, -1)
        return next((n for n in behind if self.words[n - 1].end <= second), 0)


def read_between_words(
    recording: Recording, rate: int, before: Window | None, window: Window, after: Window | None
) -> tuple[Window, np.ndarray]:
    """Read a window, its ends moved to where it is quietest in their halves of the overlaps.

    A window that begins or ends inside a word gives recognition something it never learned.

    Args:
        before, after: the windows beside it.

    Returns:
        the stretch that is left, and its samples, float32 (N,) at `rate`.
    """
    samples = recording.read(window, rate)
    start, end = 0.0, window.duration
    if before and before.end > window.start:
        start = quietest(samples, rate, 0.0, (before.end - window.start) / 2)
    if after and after.start < window.end:
        end = quietest(samples, rate, end - (window.end - after.start) / 2, end)
    heard = Window(window.start + start, window.start + end)
    return heard, samples[round(start * rate) : round(end * rate)]


def _in_recording(hypothesis: Hypothesis, window: Window) -> Hypothesis:
    """Return a window's hypothesis with times of the whole recording."""
    words = [
        replace(word, start=word.start + window.start, end=word.end + window.start)
        for word in hypothesis.words
    ]
    if hypothesis.text and not words:  # more tokens than CTC can place in time
        words = [Word(hypothesis.text, window.start, window.end, 0.0)]
    return replace(
        hypothesis,
        timestamps=[time + window.start for time in hypothesis.timestamps],
        ends=[time + window.start for time in hypothesis.ends],
        words=words,
    )


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
