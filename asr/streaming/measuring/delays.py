"""From what sessions told, and when, to delays and flicker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from asr.decoding.hypothesis import Word
from asr.scoring.alignment import correct_places
from asr.scoring.latency import Spread
from asr.streaming.measuring.speakers import LiveTranscript, Told
from asr.streaming.results import Segment
from asr.text.scripts import split_words


@dataclass(frozen=True)
class _Shown:
    """Words as they stood before the reader, and when."""

    words: list[str]
    heard_at: float
    told_at: float


@dataclass
class DelayMeter:
    """Gathers the delays of live transcripts; all in seconds.

    The moments of `Told` count: `told_at` less a moment of the speech is what people waited,
    `heard_at` less it what of that was waiting for audio.
    """

    _emission: list[float] = field(default_factory=list)
    _audio: list[float] = field(default_factory=list)
    _ctc: list[float] = field(default_factory=list)
    _computing: list[float] = field(default_factory=list)
    _first_partial: list[float] = field(default_factory=list)
    _final: list[float] = field(default_factory=list)
    _final_after_speech: list[float] = field(default_factory=list)
    _num_words: int = 0
    _num_taken_back: int = 0

    def add(self, transcript: LiveTranscript, spoken: Sequence[Word]) -> None:
        """Take an utterance.

        Args:
            transcript: what was told of it.
            spoken: its true words where the forced alignment has them; without any, only what
                needs no alignment is measured.
        """
        for told in transcript.told:
            waited = told.told_at - told.heard_at
            (self._final if isinstance(told.event, Segment) else self._computing).append(waited)
        segments = list(_segments(transcript.told))
        for shown in segments:
            self._num_words += len(shown[-1].words)
            self._num_taken_back += sum(
                words_taken_back(before.words, after.words) for before, after in pairwise(shown)
            )
        if spoken:
            self._add_spoken(transcript, segments, spoken)

    def _add_spoken(
        self,
        transcript: LiveTranscript,
        segments: Sequence[Sequence[_Shown]],
        spoken: Sequence[Word],
    ) -> None:
        emitted = [
            (word, shown[place])
            for shown in segments
            for word, place in zip(shown[-1].words, settled([s.words for s in shown]), strict=True)
        ]
        names = [word.text for word in spoken], [word for word, _ in emitted]
        for place, in_emitted in correct_places(*names):
            moment = emitted[in_emitted][1]
            self._emission.append(moment.told_at - spoken[place].end)
            self._audio.append(moment.heard_at - spoken[place].end)
        timed = transcript.first_pass.words
        for place, in_timed in correct_places(names[0], [word.text for word in timed]):
            self._ctc.append(timed[in_timed].end - spoken[place].end)
        first = next((s for shown in segments for s in shown if s.words), None)
        if first is not None:
            self._first_partial.append(first.told_at - spoken[0].start)
        finals = [told.told_at for told in transcript.told if isinstance(told.event, Segment)]
        if finals:
            self._final_after_speech.append(finals[-1] - spoken[-1].end)

    def spreads(self) -> dict[str, Spread]:
        """Return what was measured, by the names of `asr.scoring.latency.LiveDecoding`."""
        return {
            "emission_delay": Spread.of(self._emission),
            "audio_delay": Spread.of(self._audio),
            "ctc_delay": Spread.of(self._ctc),
            "computing": Spread.of(self._computing),
            "first_partial": Spread.of(self._first_partial),
            "final": Spread.of(self._final),
            "final_after_speech": Spread.of(self._final_after_speech),
        }

    @property
    def flicker(self) -> float | None:
        """Words that were shown and changed, of those that the first pass found in the end.

        The unstable partial word ratio of Shangguan et al. 2020; None without words.
        """
        return round(self._num_taken_back / self._num_words, 6) if self._num_words else None


def settled(texts: Sequence[Sequence[str]]) -> list[int]:
    """Return for each word of the last text from which text on it stands at its place for good.

    Args:
        texts: words, as they were shown one after another.
    """
    last = texts[-1]
    places = [len(texts) - 1] * len(last)
    for index in reversed(range(len(texts) - 1)):
        for place, (word, before) in enumerate(zip(last, texts[index], strict=False)):
            if places[place] == index + 1 and word == before:
                places[place] = index
    return places


def words_taken_back(before: Sequence[str], after: Sequence[str]) -> int:
    """Count the words of a text that the next one has changed or dropped.

    A last word to which letters were added was not changed.
    """
    same = 0
    while same < min(len(before), len(after)) and before[same] == after[same]:
        same += 1
    grows = same == len(before) - 1 and same < len(after) and after[same].startswith(before[same])
    return len(before) - same - grows


def _segments(told: Sequence[Told]) -> Iterator[list[_Shown]]:
    """Yield what the first pass showed of each segment, its end included."""
    for _, group in groupby(told, key=lambda one: one.segment):
        yield [_Shown(split_words(one.first_pass_text), one.heard_at, one.told_at) for one in group]
